package mail_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"portvakt/internal/mail"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

func TestCaptured(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		ctx := context.Background()
		c := mail.NewCaptured(db)
		if got, err := c.List(ctx, 10); err != nil || len(got) != 0 {
			t.Fatalf("List = %v, %v", got, err)
		}
		for i := range 3 {
			m := mail.Message{To: "kari@nordlys.example", Subject: fmt.Sprint("Mail ", i), Text: "See https://id.example/a?b=c&d=1. Or (http://x.example/y)\n", HTML: "<p>x</p>"}
			if err := c.Send(ctx, m); err != nil {
				t.Fatal(err)
			}
			clock.Advance(time.Second)
		}
		got, err := c.List(ctx, 2)
		if err != nil || len(got) != 2 || got[0].Subject != "Mail 2" || got[1].Subject != "Mail 1" {
			t.Fatalf("List = %+v, %v, want the newest two", got, err)
		}
		if l := got[0].Links; len(l) != 2 || l[0] != "https://id.example/a?b=c&d=1" || l[1] != "http://x.example/y" {
			t.Errorf("links = %q", l)
		}
		if !got[0].At.Equal(testenv.Start.Add(2*time.Second)) || got[0].ID == got[1].ID || got[0].HTML != "<p>x</p>" {
			t.Errorf("mail = %+v", got[0])
		}
		if err := c.Send(ctx, mail.Message{To: "x", Subject: "a"}); !errors.Is(err, mail.ErrRecipient) {
			t.Errorf("a bad recipient: %v", err)
		}
	})
}
