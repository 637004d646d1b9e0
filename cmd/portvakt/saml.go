package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"portvakt/idp/saml"
	"portvakt/internal/directory"
)

// readMetadata reads the service provider's metadata that a file names. The directory decides which of its addresses may be
// used here.
func readMetadata(doc []byte, entityID string, signedBy []byte) (string, directory.SAMLMetadata, error) {
	return saml.ReadMetadata(doc, saml.Reading{Now: time.Now(), EntityID: entityID, SignedBy: signedBy})
}

// samlEvery is how often it is looked whether metadata of service providers is due.
const samlEvery = 5 * time.Second

// refreshSAML reads what is due; one node does.
func (h *house) refreshSAML(ctx context.Context) error {
	_, err := h.refresher.Tick(ctx)
	return err
}

// providersShown are as many as doctor names of one kind.
const providersShown = 10

// providers looks at service providers: what cannot be read, what has ended, and what will.
func (d *diagnosis) providers() error {
	all, err := directory.New(d.db).ServiceProviders.Everything(d.w.ctx)
	if err != nil {
		return err
	}
	var notes []providerNote
	for i := range all {
		notes = append(notes, notesOn(&all[i], d.db.Now())...)
	}
	slices.SortStableFunc(notes, func(a, b providerNote) int { return strings.Compare(a.verdict, b.verdict) }) // BROKEN first
	for i, n := range notes {
		if i == providersShown {
			d.say(warning, "saml", "and %d more", len(notes)-i)
			break
		}
		d.say(n.verdict, "saml", "%s", n.text)
	}
	if len(notes) == 0 {
		d.say(fine, "saml", "%s", many(len(all), "service provider", "service providers"))
	}
	return nil
}

// providerNote is one thing that doctor says of a service provider.
type providerNote struct{ verdict, text string }

func notesOn(p *directory.ServiceProvider, now time.Time) (notes []providerNote) {
	say := func(verdict, format string, args ...any) {
		notes = append(notes, providerNote{verdict, fmt.Sprintf("%s (%s): ", p.EntityID, p.ID()) + fmt.Sprintf(format, args...)})
	}
	if p.Application.Disabled {
		return nil
	}
	soon := now.Add(directory.ServiceProviderNotice)
	switch until := p.Metadata.ValidUntil; {
	case p.Pending():
		say(broken, "its metadata has never been read, nobody can sign in: %s", cmp.Or(p.Refresh.Failure, "it is being asked for"))
	case !until.IsZero() && !now.Before(until):
		say(broken, "its metadata ended on %s, nobody can sign in; register newer metadata", until.Format(time.DateOnly))
	case !until.IsZero() && until.Before(soon) && (p.Refresh.URL == "" || p.Refresh.Failures > 0):
		say(warning, "its metadata ends on %s", until.Format(time.DateOnly))
	}
	if p.Refresh.Failures > 0 && !p.Pending() {
		say(warning, "its metadata could not be read the last %s: %s", many(int(p.Refresh.Failures), "time", "times"), p.Refresh.Failure)
	}
	for _, k := range p.Metadata.Keys {
		if !k.NotAfter.IsZero() && k.NotAfter.Before(soon) {
			say(warning, "a certificate of it ends or ended on %s; it goes on to count until it is taken out", k.NotAfter.Format(time.DateOnly))
		}
	}
	for _, insecure := range []struct {
		on   bool
		what string
	}{{p.Settings.InsecureSHA1, "insecure_sha1: its signatures may be forged"}, {p.Settings.InsecureCBC, "insecure_cbc: what is encrypted to it may be read by others"}} {
		if insecure.on {
			say(warning, "%s", insecure.what)
		}
	}
	return notes
}
