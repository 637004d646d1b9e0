package client_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log"
	"net/http"
	"strings"

	"portvakt/authz/client"
)

// Somebody opens a list: the filter becomes a part of the application's own query.
func ExampleClient_Filter() {
	c, err := client.New(client.Config{Issuer: "https://id.example", ClientID: "billing", ClientSecret: "…"})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	var db *sql.DB

	list := func(w http.ResponseWriter, r *http.Request) {
		token, err := c.Verify(r.Context(), strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
		switch {
		case errors.Is(err, client.ErrToken):
			http.Error(w, "sign in first", http.StatusUnauthorized)
			return
		case err != nil:
			http.Error(w, "try again", http.StatusServiceUnavailable)
			return
		}
		filter, err := c.Filter(r.Context(), client.Question{Organization: token.Organization, Subject: client.User(token.Subject), Action: "view", Module: "invoices"})
		if err != nil {
			http.Error(w, "try again", http.StatusServiceUnavailable)
			return
		}
		where, args := filter.SQL("owner", "segment", client.PostgreSQL(1))
		rows, err := db.QueryContext(r.Context(), "select number, amount from invoices where organization = $1 and "+where, append([]any{token.Organization}, args...)...)
		_, _ = rows, err
	}
	_ = list
}

// What the condition looks like.
func ExampleFilter_SQL() {
	f := client.Filter{Owners: []client.Party{"user:usr_kari", "group:grp_sales"}, Segments: []string{"oslo"}}
	where, args := f.SQL("owner", "segment", client.PostgreSQL(1))
	fmt.Println(where)
	fmt.Println(args)
	// Output:
	// (owner in ($2, $3) and (segment is null or segment = '' or segment in ($4)))
	// [user:usr_kari group:grp_sales oslo]
}

// Before something is done with one record.
func ExampleClient_Check() {
	c, err := client.New(client.Config{Issuer: "https://id.example", ClientID: "billing", ClientSecret: "…", Organization: "nordlys"})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	d, err := c.Check(context.Background(), client.Question{Subject: client.User("usr_kari"), Action: "edit", Module: "invoices", ID: "1017", Owner: "user:usr_ola", Segment: "oslo"})
	switch {
	case err != nil: // no answer is not a yes
		fmt.Println("try again")
	case d.Allowed:
		fmt.Println("saved")
	default:
		fmt.Println("not allowed:", d.Reason)
	}
}

// Which buttons a page shows for each row: one request for all of them.
func ExampleClient_CheckAll() {
	c, err := client.New(client.Config{Issuer: "https://id.example", ClientID: "billing", ClientSecret: "…", Organization: "nordlys"})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	var questions []client.Question
	for _, owner := range []client.Party{"user:usr_ola", "group:sales"} {
		questions = append(questions, client.Question{Subject: client.User("usr_kari"), Action: "edit", Module: "invoices", Owner: owner})
	}
	decisions, err := c.CheckAll(context.Background(), questions)
	if err != nil {
		return
	}
	for i, d := range decisions {
		fmt.Println(questions[i].Owner, d.Allowed)
	}
}

// Everybody who may approve a payment, for a chooser.
func ExampleClient_Subjects() {
	c, err := client.New(client.Config{Issuer: "https://id.example", ClientID: "billing", ClientSecret: "…", Organization: "nordlys"})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	for who, err := range c.Subjects(context.Background(), client.Question{Action: "approve", Module: "payments"}, client.AsUser) {
		if err != nil {
			return // not all were seen
		}
		fmt.Println(who.ID())
	}
}
