package oidc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"portvakt/idp/bearer"
	"portvakt/idp/session"
	"portvakt/idp/token"
	"portvakt/internal/directory"
	"portvakt/internal/fault"
	"portvakt/internal/outbox"
	"portvakt/internal/outgoing"
	"portvakt/internal/sqldb"
)

// EventLogoutNotify tells one application of the end of one sid (OpenID Connect Back-Channel Logout 1.0).
const EventLogoutNotify = "logout.notify"

// logoutNotice is the event's data.
type logoutNotice struct {
	Application string `json:"application"`
	User        string `json:"user"`
	SID         string `json:"sid"`
}

// Subscribe has applications told of the end of sessions: ends are gathered into notices, each written once, and each
// notice is posted, again and again, until the application has taken it.
func (h *Handler) Subscribe(o *outbox.Outbox) {
	for _, kind := range []string{
		directory.EventMembershipEnded, directory.EventMembershipSuspended, directory.EventUserSessionsEnded, session.EventEnded,
	} {
		o.SubscribeBefore(outbox.Ending, kind, "oidc.logout", h.gatherNotices)
	}
	o.SubscribeBefore(outbox.Ending, EventLogoutNotify, "oidc.backchannel", h.notify)
}

// gatherNotices finds the sids that are dead by now and writes a notice for each application that was opened under one.
// It goes by the present state, so it may run late, twice, or for an event that something later has overtaken.
func (h *Handler) gatherNotices(ctx context.Context, e outbox.Event) error {
	var about struct{ User, Membership, Session string }
	if err := json.Unmarshal(e.Data, &about); err != nil {
		return err
	}
	user, err := directory.ParseUserID(about.User)
	if err != nil { // a person without user has no sessions
		return nil
	}
	return h.DB.Update(ctx, func(tx *sqldb.Tx) error {
		untold, err := markTold(ctx, tx, user)
		if err != nil {
			return err
		}
		for _, u := range untold {
			if err := outbox.Append(tx, u.organization, EventLogoutNotify, u.sid.String(), logoutNotice{
				Application: u.application.String(), User: user.String(), SID: u.sid.String(),
			}); err != nil {
				return err
			}
		}
		return nil
	})
}

// notify posts the logout token. The application answers 200 or 204; anything else is tried again.
func (h *Handler) notify(ctx context.Context, e outbox.Event) error {
	var notice logoutNotice
	if err := json.Unmarshal(e.Data, &notice); err != nil {
		return err
	}
	id, err := directory.ParseApplicationID(notice.Application)
	if err != nil {
		return err
	}
	client, err := h.Clients.ByID(ctx, id)
	if fault.Is(err, fault.NotFound) || err == nil && client.Registered.Metadata.BackchannelLogoutURI == "" {
		return nil // nobody wants to be told
	}
	if err != nil {
		return err
	}
	sid, err := session.ParseSID(notice.SID)
	if err != nil {
		return err
	}
	text, err := h.Tokens.LogoutToken(ctx, bearer.TokenClient(client), notice.User, token.SID(sid))
	if err != nil {
		return err
	}
	status, err := h.Poster.PostForm(ctx, client.Registered.Metadata.BackchannelLogoutURI, url.Values{"logout_token": {text}})
	switch {
	case errors.Is(err, outgoing.ErrRefused): // trying again makes no sense
		h.Log.WarnContext(ctx, "oidc: the back-channel logout address is not allowed", "application", client.ClientID, "error", err)
		return nil
	case err != nil:
		return err
	case status != http.StatusOK && status != http.StatusNoContent:
		return fmt.Errorf("oidc: back-channel logout of %s was answered %d", client.ClientID, status)
	}
	return nil
}
