package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"time"

	"portvakt/internal/directory"
	"portvakt/internal/fault"
)

// What those who run the installation do from the command line is an act: it runs in the process that serves the database
// if there is one beside a SQLite file, and in the command's own otherwise.

type actRequest struct {
	Kind      string          `json:"kind"`
	Arguments json.RawMessage `json:"arguments"`
}

// acts are all of them, by kind.
var acts = map[string]func(context.Context, *house, json.RawMessage) (string, error){
	"domain.claim":     actOn(claimDomain),
	"domain.verify":    actOn(verifyDomain),
	"domain.list":      actOn(listDomains),
	"domain.give-up":   actOn(giveUpDomain),
	"invitations":      actOn(askInvitations),
	"member":           actOn(actOnMember),
	"organization":     actOn(showOrganization),
	"operator.appoint": actOn(appointAdministrator),
	"operator.grant":   actOn(grantOperator),
	"operator.revoke":  actOn(revokeOperator),
	"operator.erase":   actOn(erasePerson),

	"operator.reset-factors": actOn(resetFactors),
	"explain":                actOn(explainDecision),
	"recalculate":            actOn(askRecalculation),
	"recalculation":          actOn(watchRecalculation),
	"service-account":        actOn(actOnServiceAccount),

	"provisioning-client": actOn(actOnProvisioningClient),
}

// actOn reads an act's arguments.
func actOn[T any](do func(context.Context, *house, T) (string, error)) func(context.Context, *house, json.RawMessage) (string, error) {
	return func(ctx context.Context, h *house, raw json.RawMessage) (string, error) {
		var arguments T
		if err := json.Unmarshal(raw, &arguments); err != nil {
			return "", err
		}
		return do(ctx, h, arguments)
	}
}

// act performs it and answers what to print. What the directory refuses is for the caller to mend.
func (h *house) act(ctx context.Context, r actRequest) (string, error) {
	do, known := acts[r.Kind]
	if !known {
		return "", mistakef("this program does not know how to %q; it may be of another version than the command", r.Kind)
	}
	text, err := do(ctx, h, r.Arguments)
	if _, some := errors.AsType[partly](err); some {
		return text, err
	}
	if f := fault.Of(err); f != nil && f.Kind != fault.Internal {
		return "", mistake{errors.New(f.Text)}
	}
	return text, err
}

// ofOrganization is what a command has that is about an organization.
type ofOrganization struct {
	target
	Organization string `required:"" help:"The organization's slug." placeholder:"SLUG"`
}

// perform does an act wherever it has to be done, and prints what came of it.
func (t target) perform(w world, kind string, arguments any) error {
	text, err := t.ask(w, kind, arguments)
	if _, some := errors.AsType[partly](err); err != nil && !some {
		return err
	}
	fmt.Fprintln(w.stdout, text)
	return err
}

// ask does an act wherever it has to be done, and answers what came of it.
func (t target) ask(w world, kind string, arguments any) (string, error) {
	raw, err := json.Marshal(arguments)
	if err != nil {
		return "", err
	}
	request := actRequest{Kind: kind, Arguments: raw}
	text, err := t.actHere(w, request)
	if errors.Is(err, errServed) {
		var cfg Config
		if cfg, err = t.configuration(w); err != nil {
			return "", err
		}
		text, err = overSocket(w.ctx, socketPath(cfg.Database.URL), "act", request)
	}
	return text, err
}

// partly is the error of an act that did some of what it was asked for; what it has to say is printed all the same.
type partly struct{ error }

// Unwrap is why the rest was not done.
func (p partly) Unwrap() error { return p.error }

// many is a number with its noun.
func many(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, more)
}

func (t target) actHere(w world, r actRequest) (string, error) {
	db, _, err := t.open(w)
	if err != nil {
		return "", err
	}
	defer db.Close()
	if err := prepareTables(w.ctx, db.DB, realRun); err != nil {
		return "", err
	}
	return (&house{db: db.DB, dir: directory.New(db.DB)}).act(w.ctx, r)
}

// dnsPatience is how long DNS may take.
const dnsPatience = 10 * time.Second

// domainArguments name an organization's domain.
type domainArguments struct {
	Organization string `json:"organization"`
	Domain       string `json:"domain"`
}

func claimDomain(ctx context.Context, h *house, a domainArguments) (string, error) {
	o, err := h.dir.Organizations.BySlug(ctx, a.Organization)
	if err != nil {
		return "", err
	}
	d, err := h.dir.Organizations.ClaimDomain(ctx, o.ID, a.Domain)
	if err != nil {
		return "", err
	}
	if !d.VerifiedAt.IsZero() {
		return fmt.Sprintf("%s is verified already.", d.Name), nil
	}
	name, text := d.Record()
	return fmt.Sprintf("Publish this record in DNS:\n\n  %s. TXT %q\n\nand then run: portvakt domain verify --organization %s --domain %s", name, text, o.Slug, d.Name), nil
}

func verifyDomain(ctx context.Context, h *house, a domainArguments) (string, error) {
	o, err := h.dir.Organizations.BySlug(ctx, a.Organization)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, dnsPatience)
	defer cancel()
	d, err := h.dir.Organizations.VerifyDomain(ctx, o.ID, a.Domain, &net.Resolver{})
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s is verified; %s is the home of everybody who signs in with an address there.", d.Name, o.Name), nil
}

func giveUpDomain(ctx context.Context, h *house, a domainArguments) (string, error) {
	o, err := h.dir.Organizations.BySlug(ctx, a.Organization)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s is no longer a domain of %s.", a.Domain, o.Name), h.dir.Organizations.GiveUpDomain(ctx, o.ID, a.Domain)
}

func listDomains(ctx context.Context, h *house, a domainArguments) (string, error) {
	o, err := h.dir.Organizations.BySlug(ctx, a.Organization)
	if err != nil {
		return "", err
	}
	all, err := h.dir.Organizations.Domains(ctx, o.ID)
	if err != nil || len(all) == 0 {
		return fmt.Sprintf("%s has no domains.", o.Name), err
	}
	var text string
	for i, d := range all {
		if i > 0 {
			text += "\n"
		}
		if d.VerifiedAt.IsZero() {
			name, record := d.Record()
			text += fmt.Sprintf("claimed   %s: waits for %s. TXT %q", d.Name, name, record)
		} else {
			text += fmt.Sprintf("verified  %s since %s", d.Name, d.VerifiedAt.Format(time.DateOnly))
		}
	}
	return text, nil
}
