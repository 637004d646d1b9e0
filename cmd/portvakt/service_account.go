package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"portvakt/internal/directory"
	"portvakt/internal/fault"
	"portvakt/internal/sqldb"
)

type serviceCommand struct {
	List    listServiceAccountsCommand   `cmd:"" help:"List an organization's service accounts and their credentials."`
	Rotate  rotateServiceAccountCommand  `cmd:"" help:"Make a new secret and print it, once."`
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
	disableServiceAccountCommand struct{ namedServiceAccount }
	enableServiceAccountCommand  struct{ namedServiceAccount }
)

// serviceAccountRequest is what a command asks of the database, or of the process that serves it.
type serviceAccountRequest struct {
	Act          string        `json:"act"`
	Organization string        `json:"organization"`
	ID           string        `json:"id,omitempty"`
	Overlap      time.Duration `json:"overlap,omitempty"`
}

// Run prints the accounts, never a secret.
func (c listServiceAccountsCommand) Run(w world) error {
	return c.perform(w, "service-account", serviceAccountRequest{Act: "list", Organization: c.Organization})
}

// Run prints the new secret; it stands nowhere else.
func (c rotateServiceAccountCommand) Run(w world) error {
	return c.perform(w, "service-account", serviceAccountRequest{Act: "rotate", Organization: c.Organization, ID: c.ID, Overlap: c.Overlap})
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
		if f := fault.Of(err); f != nil && f.Code == "too_many_secrets" {
			return "", mistakef("two secrets are in force already; wait until the older one has ended, or end both at once with --overlap 0")
		}
		if err != nil {
			return "", err
		}
		return rotated(rotation, h.db.Now()), nil
	case "disable":
		return a.ClientID + " is disabled", accounts.Disable(ctx, o.ID, a.ID)
	case "enable":
		return a.ClientID + " is enabled", accounts.Enable(ctx, o.ID, a.ID)
	}
	return "", mistakef("%q is nothing that can be done with a service account", r.Act)
}

const minuteForm = "2006-01-02 15:04 UTC"

func rotated(r directory.Rotation, now time.Time) string {
	var b strings.Builder
	fmt.Fprintf(&b, "client_id:     %s\nclient_secret: %s\n", r.Account.ClientID, r.Secret)
	switch {
	case r.FormerEnd.IsZero():
	case r.FormerEnd.After(now):
		fmt.Fprintf(&b, "The former secret ends at %s. ", r.FormerEnd.UTC().Format(minuteForm))
	default:
		b.WriteString("No former secret counts any more. ")
	}
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
		state, used := "enabled", "never used"
		if a.Disabled {
			state = "disabled"
		}
		if !a.LastUsedAt.IsZero() {
			used = "last used about " + a.LastUsedAt.UTC().Format(minuteForm)
		}
		fmt.Fprintf(&b, "%s  %s  %s  %s  %s\n", a.ClientID, a.Name, a.Method, state, used)
		for _, c := range a.Credentials {
			if !c.InForce(db.Now()) {
				continue
			}
			what, end := "key", "no end"
			if c.IsSecret() {
				what = "secret"
			}
			if !c.ExpiresAt.IsZero() {
				end = "ends at " + c.ExpiresAt.UTC().Format(minuteForm)
			}
			fmt.Fprintf(&b, "  %-6s %s  made %s  %s\n", what, c.ID, c.CreatedAt.UTC().Format(minuteForm), end)
		}
	}
	return strings.TrimSuffix(b.String(), "\n")
}
