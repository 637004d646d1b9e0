// Package client is for applications that ask Portvakt who may do what. It verifies access tokens (RFC 9068), asks for
// decisions over AuthZEN, and makes the filter of a list for the application's own SQL query. It lives from the standard
// library and go-jose alone, so that an application takes nothing of the service with it.
//
//	token, err := c.Verify(ctx, bearer)                    // who is it?
//	filter, err := c.Filter(ctx, client.Question{Subject: client.User(token.Subject), Action: "view", Module: "invoices"})
//	where, args := filter.SQL("owner", "segment", client.PostgreSQL(0))
//	decision, err := c.Check(ctx, client.Question{Subject: …, Action: "edit", Module: "invoices", Owner: record.Owner})
//
// Invariants:
//   - An error is never an answer: whatever was not understood, not reached or not in time allows nothing
//     (TestTroubleAllowsNothing, TestZeroFilterShowsNothing).
//   - A remembered answer counts for Config.MaxAge at most, never past the moment when it may change by the clock, and not
//     after an answer of a newer version (TestRememberedAnswersEnd, TestNewerVersionDropsOlderAnswers).
//   - What a token does not say is asked for, not guessed (TestMayAsksWhatTheTokenLeavesOut).
//   - Nothing is running after Close (TestNothingRunsAfterClose).
package client
