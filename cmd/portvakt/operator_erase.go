package main

import (
	"context"
	"fmt"

	"portvakt/internal/directory"
)

type operatorEraseCommand struct {
	target
	Email    string `required:"" help:"The address that the person signs in with, or the identifier (usr_…)." placeholder:"WHO"`
	Confirm  bool   `help:"The second step: erase for good." xor:"step"`
	Withdraw bool   `help:"Take the first step back." xor:"step"`
}

// eraseRequest is what the command asks of the process that serves.
type eraseRequest struct {
	Email    string `json:"email"`
	Confirm  bool   `json:"confirm"`
	Withdraw bool   `json:"withdraw"`
}

// Run does one step, through the process that serves the database if there is one.
func (c operatorEraseCommand) Run(w world) error {
	return c.perform(w, "operator.erase", eraseRequest{c.Email, c.Confirm, c.Withdraw})
}

// personNamed is the user of an address or an identifier; the latter is all that a list of erased people may hold.
func (h *house) personNamed(ctx context.Context, name string) (directory.User, error) {
	if id, err := directory.ParseUserID(name); err == nil {
		return h.dir.Users.ByID(ctx, id)
	}
	email, err := directory.ParseEmail(name)
	if err != nil {
		return directory.User{}, err
	}
	return h.dir.Users.ByEmail(ctx, email)
}

// erasePerson does one step of an erasure.
func erasePerson(ctx context.Context, h *house, r eraseRequest) (string, error) {
	u, err := h.personNamed(ctx, r.Email)
	if err != nil {
		return "", err
	}
	if !r.Confirm && !r.Withdraw {
		e, err := h.dir.Users.RequestErasure(ctx, u.ID)
		if err != nil {
			return "", err
		}
		all, err := h.dir.Memberships.StandingsOf(ctx, u.ID)
		if err != nil {
			return "", err
		}
		return fmt.Sprintf("The erasure of %s is asked for; nothing has been erased yet.\n"+
			"Confirmed, it ends %s and replaces the person by %s, everywhere and for good.\n"+
			"Go on with --confirm, or take it back with --withdraw.", u.ID, many(len(all), "membership", "memberships"), e.Pseudonym), nil
	}
	e, err := h.dir.Users.WaitingErasure(ctx, u.ID)
	if err != nil {
		return "", err
	}
	if r.Withdraw {
		return fmt.Sprintf("The erasure of %s is withdrawn.", u.ID), h.dir.Users.WithdrawErasure(ctx, e.ID)
	}
	if _, err := h.dir.Users.ConfirmErasure(ctx, e.ID); err != nil {
		return "", err
	}
	return fmt.Sprintf("%s is erased; the history knows the person as %s.\n"+
		"Sessions, credentials and links are forgotten as soon as the service has delivered the event.", u.ID, e.Pseudonym), nil
}
