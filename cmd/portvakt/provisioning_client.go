package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"portvakt/internal/directory"
)

type provisioningCommand struct {
	List   listProvisioningClientsCommand  `cmd:"" help:"List an organization's provisioning clients and their tokens."`
	Rotate rotateProvisioningClientCommand `cmd:"" help:"Make a new token and print it, once."`
	Revoke revokeProvisioningTokenCommand  `cmd:"" help:"End a token now."`
}

// namedProvisioningClient is one client of an organization.
type namedProvisioningClient struct {
	ofOrganization
	Name string `required:"" placeholder:"NAME" help:"The client's name, as in the seed file."`
}

type (
	listProvisioningClientsCommand  struct{ ofOrganization }
	rotateProvisioningClientCommand struct {
		namedProvisioningClient
		Overlap  time.Duration `default:"24h" placeholder:"DURATION" help:"How long the former token goes on; 0 ends it now."`
		Lifetime time.Duration `placeholder:"DURATION" help:"When the new token ends by itself, counted from now; never, if left out."`
	}
	revokeProvisioningTokenCommand struct {
		namedProvisioningClient
		Token string `required:"" placeholder:"ID" help:"The token's identifier (pvt_…), as list prints it."`
	}
)

// provisioningRequest is what a command asks of the database, or of the process that serves it.
type provisioningRequest struct {
	Act          string        `json:"act"`
	Organization string        `json:"organization"`
	Name         string        `json:"name,omitempty"`
	Overlap      time.Duration `json:"overlap,omitempty"`
	Lifetime     time.Duration `json:"lifetime,omitempty"`
	Token        string        `json:"token,omitempty"`
}

// Run prints the clients, never a token.
func (c listProvisioningClientsCommand) Run(w world) error {
	return c.perform(w, "provisioning-client", provisioningRequest{Act: "list", Organization: c.Organization})
}

// Run prints the new token; it stands nowhere else.
func (c rotateProvisioningClientCommand) Run(w world) error {
	return c.perform(w, "provisioning-client", provisioningRequest{Act: "rotate", Organization: c.Organization, Name: c.Name, Overlap: c.Overlap, Lifetime: c.Lifetime})
}

// Run ends a token.
func (c revokeProvisioningTokenCommand) Run(w world) error {
	return c.perform(w, "provisioning-client", provisioningRequest{Act: "revoke", Organization: c.Organization, Name: c.Name, Token: c.Token})
}

// actOnProvisioningClient does what a command asks and answers what to print.
func actOnProvisioningClient(ctx context.Context, h *house, r provisioningRequest) (string, error) {
	o, err := h.dir.Organizations.BySlug(ctx, r.Organization)
	if err != nil {
		return "", err
	}
	clients := h.dir.ProvisioningClients
	if r.Act == "list" {
		return h.listedClients(ctx, o.ID)
	}
	c, err := clients.ByName(ctx, o.ID, r.Name)
	if err != nil {
		return "", err
	}
	switch r.Act {
	case "rotate":
		made, err := clients.Rotate(ctx, o.ID, c.ID, directory.Renewal{Overlap: r.Overlap, Lifetime: r.Lifetime})
		if err != nil {
			return "", tooMany(err)
		}
		text := fmt.Sprintf("provisioning client: %s\ntoken: %s\n%s", made.Client.Name, made.Token, former(made.FormerEnd, h.db.Now(), "token"))
		if !made.ExpiresAt.IsZero() {
			text += "The new token ends at " + made.ExpiresAt.UTC().Format(minuteForm) + ". "
		}
		return text + "The token is shown this once; it is kept as a hash only.", nil
	case "revoke":
		id, err := directory.ParseProvisioningTokenID(r.Token)
		if err != nil {
			return "", directory.ErrTokenNotFound
		}
		return id.String() + " is revoked", clients.RevokeToken(ctx, o.ID, c.ID, id)
	}
	return "", mistakef("%q is nothing that can be done with a provisioning client", r.Act)
}

func (h *house) listedClients(ctx context.Context, org directory.OrganizationID) (string, error) {
	all, err := h.dir.ProvisioningClients.OfOrganization(ctx, org)
	if err != nil || len(all) == 0 {
		return "The organization has no provisioning clients.", err
	}
	var b strings.Builder
	for _, c := range all {
		state := "enabled"
		if c.Disabled {
			state = "disabled"
		}
		fmt.Fprintf(&b, "%q  %s  %s\n", c.Name, state, strings.Join(rightsOf(c), ", "))
		tokens, err := h.dir.ProvisioningClients.Tokens(ctx, org, c.ID)
		if err != nil {
			return "", err
		}
		for _, t := range tokens {
			if !t.InForce(h.db.Now()) {
				continue
			}
			fmt.Fprintf(&b, "  token  %s  made %s  %s  %s\n", t.ID, t.CreatedAt.UTC().Format(minuteForm), endOf(t.ExpiresAt), used(t.LastUsedAt))
		}
	}
	return strings.TrimSuffix(b.String(), "\n"), nil
}

func rightsOf(c directory.ProvisioningClient) (names []string) {
	for _, r := range []struct {
		has  bool
		name string
	}{{c.MayUsers, "users"}, {c.MayGroups, "groups"}, {c.MayAccess, "access"}, {c.MayAdministrators, "administrators"}} {
		if r.has {
			names = append(names, r.name)
		}
	}
	return names
}
