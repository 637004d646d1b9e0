package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
)

type serviceCommand struct {
	List    listServiceAccountsCommand   `cmd:"" help:"List an organization's service accounts and their credentials."`
	Rotate  rotateServiceAccountCommand  `cmd:"" help:"Make a new secret and print it, once."`
	Revoke  revokeServiceAccountCommand  `cmd:"" help:"End a secret or a key now; so do the tokens that were issued by it."`
	Disable disableServiceAccountCommand `cmd:"" help:"Switch a service account off; its tokens are not active any more."`
	Enable  enableServiceAccountCommand  `cmd:"" help:"Switch it on again."`
}

// namedServiceAccount is one account of an organization.
type namedServiceAccount struct {
	ofOrganization
	ID string `required:"" placeholder:"ID" help:"The account's id, as in the seed file."`
}

type (
	listServiceAccountsCommand  struct{ ofOrganization }
	rotateServiceAccountCommand struct {
		namedServiceAccount
		Overlap time.Duration `default:"24h" placeholder:"DURATION" help:"How long the former secret goes on; 0 ends it now."`
	}
	revokeServiceAccountCommand struct {
		namedServiceAccount
		Credential string `required:"" placeholder:"ID" help:"Which one (crd_…), as list prints it."`
	}
	disableServiceAccountCommand struct{ namedServiceAccount }
	enableServiceAccountCommand  struct{ namedServiceAccount }
)

// serviceAccountRequest is what a command asks of the database, or of the process that serves it.
type serviceAccountRequest struct {
	Act          string        `json:"act"`
	Organization string        `json:"organization"`
	ID           string        `json:"id,omitempty"`
	Overlap      time.Duration `json:"overlap,omitempty"`
	Credential   string        `json:"credential,omitempty"`
}

// Run prints the accounts, never a secret.
func (c listServiceAccountsCommand) Run(w world) error {
	return c.perform(w, "service-account", serviceAccountRequest{Act: "list", Organization: c.Organization})
}

// Run prints the new secret; it stands nowhere else.
func (c rotateServiceAccountCommand) Run(w world) error {
	return c.perform(w, "service-account", serviceAccountRequest{Act: "rotate", Organization: c.Organization, ID: c.ID, Overlap: c.Overlap})
}

// Run ends a secret or a key.
func (c revokeServiceAccountCommand) Run(w world) error {
	return c.perform(w, "service-account", serviceAccountRequest{Act: "revoke", Organization: c.Organization, ID: c.ID, Credential: c.Credential})
}

// Run switches the account off.
func (c disableServiceAccountCommand) Run(w world) error {
	return c.perform(w, "service-account", serviceAccountRequest{Act: "disable", Organization: c.Organization, ID: c.ID})
}

// Run switches the account on.
func (c enableServiceAccountCommand) Run(w world) error {
	return c.perform(w, "service-account", serviceAccountRequest{Act: "enable", Organization: c.Organization, ID: c.ID})
}

// actOnServiceAccount does what a command asks and answers what to print.
func actOnServiceAccount(ctx context.Context, h *house, r serviceAccountRequest) (string, error) {
	o, err := h.dir.Organizations.BySlug(ctx, r.Organization)
	if err != nil {
		return "", err
	}
	accounts := h.dir.ServiceAccounts
	if r.Act == "list" {
		all, err := accounts.OfOrganization(ctx, o.ID)
		return listed(all, h.db), err
	}
	a, err := accounts.ByKey(ctx, o.ID, r.ID)
	if err != nil {
		return "", err
	}
	switch r.Act {
	case "rotate":
		rotation, err := accounts.Rotate(ctx, o.ID, a.ID, r.Overlap)
		if err != nil {
			return "", tooMany(err)
		}
		return rotated(rotation, h.db.Now()), nil
	case "revoke":
		id, err := directory.ParseCredentialID(r.Credential)
		if err != nil {
			return "", directory.ErrCredentialNotFound
		}
		return id.String() + " is revoked", accounts.Revoke(ctx, o.ID, a.ID, id)
	case "disable":
		return a.ClientID + " is disabled", accounts.Disable(ctx, o.ID, a.ID)
	case "enable":
		return a.ClientID + " is enabled", accounts.Enable(ctx, o.ID, a.ID)
	}
	return "", mistakef("%q is nothing that can be done with a service account", r.Act)
}

const minuteForm = "2006-01-02 15:04 UTC"

// tooMany says what can be done at a terminal where two are in force.
func tooMany(err error) error {
	if errors.Is(err, directory.ErrTooManySecrets) {
		return mistakef("two are in force already; wait until the older one has ended, end it with revoke, or end both at once with --overlap 0")
	}
	return err
}

// former says what becomes of what was in force before a rotation; end is zero where nothing was.
func former(end, now time.Time, what string) string {
	switch {
	case end.IsZero():
		return ""
	case end.After(now):
		return fmt.Sprintf("The former %s ends at %s. ", what, end.UTC().Format(minuteForm))
	}
	return fmt.Sprintf("No former %s counts any more. ", what)
}

func endOf(at time.Time) string {
	if at.IsZero() {
		return "no end"
	}
	return "ends at " + at.UTC().Format(minuteForm)
}

func used(at time.Time) string {
	if at.IsZero() {
		return "never used"
	}
	return "last used about " + at.UTC().Format(minuteForm)
}

func rotated(r directory.Rotation, now time.Time) string {
	var b strings.Builder
	fmt.Fprintf(&b, "client_id:     %s\nclient_secret: %s\n", r.Account.ClientID, r.Secret)
	b.WriteString(former(r.FormerEnd, now, "secret"))
	if r.Account.Method == directory.ByKey {
		b.WriteString("The account uses private_key_jwt at present, so no secret opens anything. ")
	}
	b.WriteString("The secret is shown this once; it is kept as a hash only.")
	return b.String()
}

func listed(all []directory.ServiceAccount, db *sqldb.DB) string {
	if len(all) == 0 {
		return "The organization has no service accounts."
	}
	var b strings.Builder
	for _, a := range all {
		state := "enabled"
		if a.Disabled {
			state = "disabled"
		}
		fmt.Fprintf(&b, "%s  %s  %s  %s  %s\n", a.ClientID, a.Name, a.Method, state, used(a.LastUsedAt))
		for _, c := range a.Credentials {
			if !c.InForce(db.Now()) {
				continue
			}
			what := "key"
			if c.IsSecret() {
				what = "secret"
			}
			fmt.Fprintf(&b, "  %-6s %s  made %s  %s\n", what, c.ID, c.CreatedAt.UTC().Format(minuteForm), endOf(c.ExpiresAt))
		}
	}
	return strings.TrimSuffix(b.String(), "\n")
}
