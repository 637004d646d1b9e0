package main

import (
	"context"
	"fmt"

	"portvakt/idp/account"
)

type resetFactorsCommand struct {
	target
	Email  string `arg:"" help:"The address that the person signs in with, or the identifier (usr_…)." placeholder:"WHO"`
	Reason string `required:"" help:"Why, without personal details; it stands in the history." placeholder:"TEXT"`
}

type resetFactorsArguments struct {
	Email  string `json:"email"`
	Reason string `json:"reason"`
}

// Run takes the person's factors away, through the process that serves the database if there is one.
func (c resetFactorsCommand) Run(w world) error {
	return c.perform(w, "operator.reset-factors", resetFactorsArguments{c.Email, c.Reason})
}

func resetFactors(ctx context.Context, h *house, a resetFactorsArguments) (string, error) {
	u, err := h.personNamed(ctx, a.Email)
	if err != nil {
		return "", err
	}
	if err := account.ResetFactors(ctx, h.db, h.dir, account.Lost{Person: u.ID, Reason: a.Reason}); err != nil {
		return "", err
	}
	return fmt.Sprintf("%s (%s) has no password and no factor any more, and is signed out everywhere.\n"+
		"The next sign-in begins with a mailed link, which the person asks for on the sign-in page, and sets up a factor.", u.Email.Address, u.ID), nil
}
