package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"strings"

	"portvakt/internal/audit"
	"portvakt/internal/directory"
	"portvakt/internal/fault"
	"portvakt/internal/sqldb"
)

type auditCommand struct {
	List   auditListCommand   `cmd:"" help:"List changes, newest first."`
	Export auditExportCommand `cmd:"" help:"Write an organization's chain as JSON Lines, with all that is needed to verify it."`
}

// ofChain names one chain of the history.
type ofChain struct {
	reading
	Organization string `help:"The organization's slug; without it, what belongs to no organization." placeholder:"SLUG"`
}

func (c ofChain) openChain(w world) (*sqldb.DB, directory.OrganizationID, error) {
	db, err := c.open(w)
	if err != nil {
		return nil, directory.OrganizationID{}, err
	}
	organization, err := organizationNamed(w, db, c.Organization)
	if err != nil {
		db.Close()
	}
	return db, organization, err
}

type auditListCommand struct {
	ofChain
	Person string `help:"Whom it is about: an e-mail address or an identifier." placeholder:"WHO"`
	Object string `help:"Identifier of what was changed." placeholder:"ID"`
	Action string `help:"What was done, as in membership.suspended." placeholder:"ACTION"`
	Actor  string `help:"Identifier of who did it." placeholder:"ID"`
	From   string `help:"Only since then: a date (in UTC), or a time as in RFC 3339." placeholder:"TIME"`
	To     string `help:"Only before then." placeholder:"TIME"`
	Limit  int    `help:"How many entries at most." default:"50"`
	JSON   bool   `help:"One JSON object a line." name:"json"`
}

// Run lists the newest entries.
func (c auditListCommand) Run(w world) error {
	db, organization, err := c.openChain(w)
	if err != nil {
		return err
	}
	defer db.Close()
	filter, err := c.filter(w, db)
	if err != nil {
		return err
	}
	names, err := clientNames(w, db, organization)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(w.stdout)
	defer out.Flush()
	cursor, found := "", 0
	for left := c.Limit; left > 0; {
		page, err := audit.List(w.ctx, db, organization, filter, audit.Ask{Cursor: cursor, Limit: min(left, audit.MaxPage)})
		if err != nil {
			return err
		}
		for _, r := range page.Records {
			if c.JSON {
				if err := json.NewEncoder(out).Encode(r); err != nil {
					return err
				}
				continue
			}
			fmt.Fprintln(out, oneLine(r, names))
		}
		left, found = left-len(page.Records), found+len(page.Records)
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	if found == 0 && !c.JSON {
		fmt.Fprintln(w.stderr, "There are no such entries.")
	}
	return nil
}

func (c auditListCommand) filter(w world, db *sqldb.DB) (f audit.Filter, err error) {
	f = audit.Filter{Person: c.Person, Object: c.Object, Action: c.Action, ActorID: c.Actor}
	if strings.Contains(c.Person, "@") {
		email, err := directory.ParseEmail(c.Person)
		if err != nil {
			return f, mistakef("--person: %s", fault.Of(err).Text)
		}
		u, err := directory.New(db).Users.ByEmail(w.ctx, email)
		if fault.Is(err, fault.NotFound) {
			return f, mistakef("--person: nobody signs in as %q; of an erased person the history knows the identifier (usr_…) alone", c.Person)
		}
		if err != nil {
			return f, err
		}
		f.Person = u.ID.String()
	}
	if f.From, err = parseWhen("from", c.From); err != nil {
		return f, err
	}
	f.To, err = parseWhen("to", c.To)
	return f, err
}

// clientNames are the names of an organization's provisioning clients by their identifiers, which is all that entries have of
// them. Of one that was removed since there is no name.
func clientNames(w world, db *sqldb.DB, organization directory.OrganizationID) (map[string]string, error) {
	clients, err := directory.New(db).ProvisioningClients.OfOrganization(w.ctx, organization)
	names := make(map[string]string, len(clients))
	for _, c := range clients {
		names[c.ID.String()] = c.Name
	}
	return names, err
}

// oneLine is an entry for people; names are those of provisioning clients. What somebody wrote is quoted, so that it cannot draw on the terminal.
func oneLine(r audit.Record, names map[string]string) string {
	var b strings.Builder
	who := r.ActorKind
	if name, ok := names[r.ActorID]; ok {
		who += fmt.Sprintf(" %q", name)
	}
	if r.ActorID != "" {
		who += " " + r.ActorID
	}
	if r.Behalf != "" {
		who += " for " + r.Behalf
	}
	fmt.Fprintf(&b, "%s  %s  %s  by %s", r.At.Format("2006-01-02 15:04:05"), r.Action, r.Object, who)
	if r.Address != "" {
		fmt.Fprintf(&b, " from %s", r.Address)
	}
	if detail := string(r.Detail); detail != "{}" {
		fmt.Fprintf(&b, "  %s", detail)
	}
	for _, c := range r.Changes {
		fmt.Fprintf(&b, "  %s: %q → %q", c.Field, c.Before, c.After)
	}
	switch {
	case r.Erased:
		b.WriteString("  (erased)")
	case r.Damaged:
		b.WriteString("  (damaged)")
	}
	return b.String()
}

type auditExportCommand struct {
	ofChain
	From string `help:"Only since then." placeholder:"TIME"`
	To   string `help:"Only before then." placeholder:"TIME"`
}

// Run writes the chain to standard output.
func (c auditExportCommand) Run(w world) error {
	db, organization, err := c.openChain(w)
	if err != nil {
		return err
	}
	defer db.Close()
	var span audit.Span
	if span.From, err = parseWhen("from", c.From); err != nil {
		return err
	}
	if span.To, err = parseWhen("to", c.To); err != nil {
		return err
	}
	out := bufio.NewWriter(w.stdout)
	if _, err := audit.Export(w.ctx, db, organization, span, out); err != nil {
		return err
	}
	return out.Flush()
}
