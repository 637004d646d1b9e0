package account

import (
	"context"
	"encoding/json"
	"time"

	"portvakt/idp/credential"
	"portvakt/idp/interaction"
	"portvakt/internal/directory"
	"portvakt/internal/mail"
	"portvakt/internal/outbox"
	"portvakt/internal/ratelimit"
	"portvakt/internal/sqldb"
)

// EventCodeRequested is the event of somebody who has shown the password and asks for a code by mail.
const EventCodeRequested = "account.code_requested"

// codeRule is how many codes are mailed to a person. Links have a counter of their own: whoever asks for links without
// knowing the password does not use these up.
var codeRule = ratelimit.Rule{Scope: "mail.code", Max: 6, Window: time.Hour}

// codeEvent is what the event says.
type codeEvent struct {
	User        string `json:"user"`
	Epoch       int64  `json:"epoch"`
	Interaction string `json:"interaction"`
}

// MailCode has a code mailed to whoever has shown the password in the conversation; a refusal where too many were.
func (a *Account) MailCode(ctx context.Context, e credential.Evidence, i interaction.ID) error {
	allowed, wait, err := a.limiter.Take(ctx, codeRule, e.User.String())
	if err != nil {
		return err
	}
	if !allowed {
		return ratelimit.Refusal(wait)
	}
	return a.db.Update(ctx, func(tx *sqldb.Tx) error {
		return outbox.Append(tx, directory.OrganizationID{}, EventCodeRequested, e.User.String(),
			codeEvent{User: e.User.String(), Epoch: e.Epoch, Interaction: i.String()})
	})
}

// sendCode makes the code and mails it: it exists in this function and in the mail alone.
func (a *Account) sendCode(ctx context.Context, e outbox.Event) error {
	var about codeEvent
	if err := json.Unmarshal(e.Data, &about); err != nil {
		return err
	}
	u, st, at, err := a.told(ctx, e)
	if err != nil {
		return gone(err)
	}
	code, err := a.credentials.MakeMailed(ctx, credential.Mailed{User: u.ID, Epoch: about.Epoch, Bound: about.Interaction, AskedAt: at})
	if err != nil || code == "" {
		return err
	}
	return a.sender.Send(ctx, a.texts.Code(mail.Code{Recipient: recipient(u, st), Code: code, At: at, ValidFor: credential.MailedFor}))
}
