//go:build e2e

package main

import (
	"fmt"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"
)

// TestWall109_NobodyIsMixedUp: fifty people sign in side by side, each to two applications at the same moment, and every token,
// on every path, is about the person whose browser asked for it.
func TestWall109_NobodyIsMixedUp(t *testing.T) {
	eachWall(t, func(t *testing.T, w *wall) {
		const people, password = 50, "wall secret of a crowd"
		hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
		if err != nil {
			t.Fatal(err)
		}
		email := func(i int) string { return fmt.Sprintf("crowd%d@nordlys.example", i) }
		seed := &strings.Builder{}
		seed.WriteString("organizations:\n  - slug: nordlys\n    members:\n")
		for i := range people {
			fmt.Fprintf(seed, "      - {email: %s, password_hash: %q}\n", email(i), hash)
		}
		w.settle(seed.String())
		crowd := make([]*person, people)
		inParallel(6, people, func(i int) { crowd[i] = w.signedIn(email(i), password) })

		clients := []string{"c1", "c2"}
		subjects := make([]any, people*len(clients))
		inParallel(len(subjects), len(subjects), func(i int) {
			who, client := i/len(clients), clients[i%len(clients)]
			k := w.tokens(crowd[who], client)
			again := ringOf(client, w.refreshed(client, k.refresh))
			told := w.claims(again.access)
			subjects[i] = told["sub"]
			for what, sub := range map[string]any{"ID token": claimOf(k.id, "sub"), "access token": claimOf(k.access, "sub"),
				"ID token of the refresh": claimOf(again.id, "sub"), "access token of the refresh": claimOf(again.access, "sub")} {
				if sub == nil || sub != told["sub"] {
					t.Errorf("%s at %s: the %s is about %v, userinfo about %v", email(who), client, what, sub, told["sub"])
				}
			}
			if told["email"] != email(who) {
				t.Errorf("%s at %s is told to be %v", email(who), client, told["email"])
			}
		})
		owner := map[any]int{}
		for i, sub := range subjects {
			if was, known := owner[sub]; known && was != i/len(clients) {
				t.Errorf("%s and %s are both %v", email(was), email(i/len(clients)), sub)
			}
			owner[sub] = i / len(clients)
		}
	})
}
