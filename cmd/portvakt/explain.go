package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"portvakt/authz"
	"portvakt/internal/directory"
)

type explainCommand struct {
	ofOrganization
	explainQuestion
}

// explainQuestion is a question in words.
type explainQuestion struct {
	Subject  string `json:"subject" required:"" help:"Who: an e-mail address, usr_… or mbr_…." placeholder:"WHO"`
	Action   string `json:"action" required:"" help:"What: view, create, edit, delete, or a tool of the module." placeholder:"ACTION"`
	Module   string `json:"module" required:"" help:"In which module." placeholder:"KEY"`
	Owner    string `json:"owner" help:"Whose record: an e-mail address, usr_…, mbr_…, grp_… or a group's key. Without it the module as a whole is asked about." placeholder:"WHOSE"`
	NewOwner string `json:"new_owner" help:"Who is to own the record afterwards." placeholder:"WHOSE"`
	Segment  string `json:"segment" help:"The segment that the record lies in." placeholder:"KEY"`
	Field    string `json:"field" help:"A field of the record." placeholder:"KEY"`
	Language string `json:"language" default:"en" enum:"en,nb,sv,de" help:"en, nb, sv or de."`
}

type explainArguments struct {
	Organization string `json:"organization"`
	explainQuestion
}

// explained is what came of it.
type explained struct {
	Allowed   bool     `json:"allowed"`
	Reason    string   `json:"reason"`
	Version   int64    `json:"version"`
	Sentences []string `json:"sentences"`
}

// errDenied says that the answer is no; it has been printed.
var errDenied = errors.New("denied")

// Run prints the decision and the sentences; exit code 3 says that it is a denial.
func (c explainCommand) Run(w world) error {
	text, err := c.ask(w, "explain", explainArguments{c.Organization, c.explainQuestion})
	if err != nil {
		return err
	}
	var x explained
	if err := json.Unmarshal([]byte(text), &x); err != nil {
		return err
	}
	word := "denied"
	if x.Allowed {
		word = "allowed"
	}
	fmt.Fprintf(w.stdout, "%s (%s, access version %d)\n", word, x.Reason, x.Version)
	for _, s := range x.Sentences {
		fmt.Fprintln(w.stdout, "  "+s)
	}
	if !x.Allowed {
		return errDenied
	}
	return nil
}

// snapshot is the organization's access: what serves answers by, else the rows.
func (h *house) snapshot(ctx context.Context, org directory.OrganizationID) (*authz.Snapshot, error) {
	if h.engine != nil {
		return h.engine.Snapshot(ctx, org)
	}
	m, err := h.dir.Access.Model(ctx, org)
	if err != nil {
		return nil, err
	}
	return authz.Compile(&m), nil
}

func explainDecision(ctx context.Context, h *house, a explainArguments) (string, error) {
	o, err := h.dir.Organizations.BySlug(ctx, a.Organization)
	if err != nil {
		return "", err
	}
	s, err := h.snapshot(ctx, o.ID)
	if err != nil {
		return "", err
	}
	words := wordReader{ctx, h, s}
	q := authz.Question{Action: a.Action, Module: a.Module, Segment: a.Segment, Field: a.Field, At: h.db.Now()}
	if q.Subject, err = words.member("subject", a.Subject); err != nil {
		return "", err
	}
	if q.Owner, err = words.owner("owner", a.Owner); err != nil {
		return "", err
	}
	if q.NewOwner, err = words.owner("new-owner", a.NewOwner); err != nil {
		return "", err
	}
	e := s.Explain(q)
	names, err := h.dir.Memberships.Names(ctx, o.ID, e.Members())
	if err != nil {
		return "", err
	}
	text, err := json.Marshal(explained{Allowed: e.Allowed, Reason: e.Reason.String(), Version: s.Version(),
		Sentences: e.Sentences(a.Language, func(id directory.MembershipID) string { return names[id] })})
	return string(text), err
}

// wordReader finds whom a word of the command line means.
type wordReader struct {
	ctx context.Context
	h   *house
	s   *authz.Snapshot
}

func (r wordReader) member(flag, word string) (directory.MembershipID, error) {
	nobody := mistakef("--%s: %s has no member %q", flag, "the organization", word)
	if id, err := directory.ParseMembershipID(word); err == nil {
		return id, nil // an unknown one is for the decision to say
	}
	if user, err := directory.ParseUserID(word); err == nil {
		id, known := r.s.MemberOf(user, r.h.db.Now())
		if !known {
			return id, nobody
		}
		return id, nil
	}
	e, err := directory.ParseEmail(word)
	if err != nil {
		return directory.MembershipID{}, mistakef("--%s: %q is neither an e-mail address nor usr_… nor mbr_…", flag, word)
	}
	m, err := r.h.dir.Memberships.ByEmail(r.ctx, r.s.Organization(), e)
	if errors.Is(err, directory.ErrMemberNotFound) {
		err = nobody
	}
	return m.ID, err
}

func (r wordReader) owner(flag, word string) (o authz.Owner, err error) {
	switch {
	case word == "":
		return o, nil
	case strings.Contains(word, "@") || strings.HasPrefix(word, "usr_") || strings.HasPrefix(word, "mbr_"):
		o.Member, err = r.member(flag, word)
		return o, err
	}
	id, known := r.s.Group(word)
	if !known {
		return o, mistakef("--%s: the organization has no group %q", flag, word)
	}
	o.Group = id
	return o, nil
}
