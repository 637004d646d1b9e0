package main

import (
	"context"
	"time"

	"portvakt/internal/audit"
	"portvakt/internal/directory"
	"portvakt/internal/outbox"
	"portvakt/internal/sqldb"
)

// buildHistory puts the worker together that seals the audit history. Nearly every entry comes with an event, so the
// outbox's own topic wakes it and no commit notifies a second one.
func (h *house) buildHistory(o *options) {
	h.sealer = audit.NewSealer(audit.Config{DB: h.db, Issuer: o.Issuer, Signer: h.ring, Log: h.log, Tell: tellHead})
	h.db.Subscribe(outbox.Topic, h.sealer.Wake)
}

// tellHead carries a signed head out with the events.
func tellHead(tx *sqldb.Tx, head audit.Head) error {
	return outbox.Append(tx, directory.OrganizationID{}, audit.EventHead, head.Chain, head)
}

// subscribeErasure has every room forget what it keeps of an erased person.
func (h *house) subscribeErasure() {
	h.events.Subscribe(directory.EventUserErased, "credential.forget", directory.OfErased(h.credentials.Forget))
	h.events.Subscribe(directory.EventUserErased, "interaction.forget", directory.OfErased(h.talks.Forget))
	h.events.Subscribe(directory.EventUserErased, "audit.forget", func(ctx context.Context, e outbox.Event) error {
		for {
			n, err := audit.ForgetOrigins(ctx, h.db, e.Subject)
			if err != nil || n == 0 {
				return err
			}
		}
	})
	h.events.Subscribe(directory.EventUserErased, "files.forget", func(context.Context, outbox.Event) error {
		h.erased.Store(int64(h.db.Elapsed()))
		return nil
	})
	if h.mails != nil {
		h.events.Subscribe(directory.EventUserErased, "mail.forget", func(ctx context.Context, _ outbox.Event) error {
			return h.mails.Forget(ctx)
		})
	}
}

const (
	scrubEvery = time.Minute
	// scrubFor is how long after an erasure some room may still forget something: service providers are told of it first.
	scrubFor = 15 * time.Minute
)

// scrub takes what was erased a moment ago, or before the last start, out of the database's files as well.
func (h *house) scrub(ctx context.Context) error {
	if h.db.Elapsed()-time.Duration(h.erased.Load()) > scrubFor {
		return nil
	}
	return h.db.Scrub(ctx)
}
