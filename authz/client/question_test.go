package client

import (
	"testing"

	"pgregory.net/rapid"
)

// TestKeysOfDifferentQuestionsDiffer: two questions share a remembered answer only where they are the same question.
func TestKeysOfDifferentQuestionsDiffer(t *testing.T) {
	t.Parallel()
	part := rapid.StringOfN(rapid.RuneFrom([]rune("a1:|\x00")), 0, 4, -1)
	rapid.Check(t, func(t *rapid.T) {
		draw := func() Question {
			return Question{Subject: Party(part.Draw(t, "subject")), Action: part.Draw(t, "action"), Module: part.Draw(t, "module"), Owner: Party(part.Draw(t, "owner")),
				Segment: part.Draw(t, "segment"), Field: part.Draw(t, "field"), NewOwner: Party(part.Draw(t, "new")), Fields: rapid.Bool().Draw(t, "fields")}
		}
		a, b := draw(), draw()
		if (a.key("x") == b.key("x")) != (a == b) {
			t.Fatalf("%+v and %+v: %q, %q", a, b, a.key("x"), b.key("x"))
		}
		if a.key("x") == a.key("y") {
			t.Fatal("a decision and a filter share a key")
		}
	})
}
