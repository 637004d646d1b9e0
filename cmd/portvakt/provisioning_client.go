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
	Caller setProvisioningCallerCommand    `cmd:"" help:"Say which application or service account acts as the client by OAuth."`

	Release releaseProvisionedCommand       `cmd:"" help:"Give up the client's members and groups, or hand them over to another client."`
	Remove  removeProvisioningClientCommand `cmd:"" help:"Take the client away with its tokens; its members and groups stay."`
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

type (
	setProvisioningCallerCommand struct {
		namedProvisioningClient
		OAuthClient string `name:"oauth-client" placeholder:"ID" help:"The client id, as nordlys.hr; nobody's, if left out."`
	}
	releaseProvisionedCommand struct {
		namedProvisioningClient
		To string `placeholder:"NAME" help:"The client that gets them; nobody, if left out: the next one to write a member adopts it."`
	}
	removeProvisioningClientCommand struct {
		namedProvisioningClient
		To string `placeholder:"NAME" help:"The client that gets the members; nobody, if left out."`
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
	To           string        `json:"to,omitempty"`
	OAuthClient  string        `json:"oauth_client,omitempty"`
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

// Run names who acts as the client.
func (c setProvisioningCallerCommand) Run(w world) error {
	return c.perform(w, "provisioning-client", provisioningRequest{Act: "caller", Organization: c.Organization, Name: c.Name, OAuthClient: c.OAuthClient})
}

// Run gives up the members.
func (c releaseProvisionedCommand) Run(w world) error {
	return c.perform(w, "provisioning-client", provisioningRequest{Act: "release", Organization: c.Organization, Name: c.Name, To: c.To})
}

// Run takes the client away.
func (c removeProvisioningClientCommand) Run(w world) error {
	return c.perform(w, "provisioning-client", provisioningRequest{Act: "remove", Organization: c.Organization, Name: c.Name, To: c.To})
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
	case "caller":
		if _, err := clients.SetCaller(ctx, o.ID, c.ID, r.OAuthClient); err != nil || r.OAuthClient == "" {
			return "nobody acts as " + c.Name + " by OAuth", err
		}
		return r.OAuthClient + " acts as " + c.Name, nil
	case "release", "remove":
		return h.giveUpMembers(ctx, c, r)
	}
	return "", mistakef("%q is nothing that can be done with a provisioning client", r.Act)
}

// giveUpMembers releases a client's members or hands them over, and takes the client away where that is asked.
func (h *house) giveUpMembers(ctx context.Context, c directory.ProvisioningClient, r provisioningRequest) (string, error) {
	clients, to := h.dir.ProvisioningClients, directory.ProvisioningClient{}
	if r.To != "" {
		var err error
		if to, err = clients.ByName(ctx, c.Organization, r.To); err != nil {
			return "", err
		}
		if to.ID == c.ID {
			return "", mistakef("the members are those of %q already", c.Name)
		}
	}
	do, done := clients.Release, ""
	if r.Act == "remove" {
		do, done = clients.Remove, "; "+c.Name+" is gone, with its tokens"
	}
	n, err := do(ctx, c.Organization, c.ID, to.ID)
	if err != nil {
		return "", err
	}
	if r.To != "" {
		return many(int(n), "member is", "members are") + " now those of " + to.Name + done, nil
	}
	return many(int(n), "member belongs", "members belong") + " to no provisioning client any more" + done, nil
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
		fmt.Fprintf(&b, "%q  %s  %s  %s, unknown attributes: %s, PATCH answers: %s, %d requests a minute\n", c.Name, state, strings.Join(c.Rights(), ", "),
			c.Profile, c.UnknownAttributes, c.PatchAnswer, c.RequestsPerMinute)
		if caller, err := h.callerOf(ctx, c); err != nil {
			return "", err
		} else if caller != "" {
			fmt.Fprintf(&b, "  oauth  %s\n", caller)
		}
		tokens, err := h.dir.ProvisioningClients.Tokens(ctx, org, c.ID)
		if err != nil {
			return "", err
		}
		for _, t := range tokens {
			if !t.InForce(h.db.Now()) {
				continue
			}
			fmt.Fprintf(&b, "  token  %s  made %s%s  %s  %s\n", t.ID, t.CreatedAt.UTC().Format(minuteForm), maker(t), endOf(t.ExpiresAt), used(t.LastUsedAt))
		}
	}
	return strings.TrimSuffix(b.String(), "\n"), nil
}

// maker says who made a token, where that was a member.
func maker(t directory.ProvisioningToken) string {
	switch {
	case t.MadeBy.IsZero():
		return ""
	case t.MakerGone:
		return " by " + t.MadeBy.String() + ", who may act here no more"
	}
	return " by " + t.MadeBy.String()
}

// callerOf is the client id of who acts as the client, "" for nobody.
func (h *house) callerOf(ctx context.Context, c directory.ProvisioningClient) (string, error) {
	switch {
	case !c.Application.IsZero():
		a, err := h.dir.Applications.ByID(ctx, c.Application)
		return a.ClientID, err
	case !c.ServiceAccount.IsZero():
		a, err := h.dir.ServiceAccounts.ByID(ctx, c.Organization, c.ServiceAccount)
		return a.ClientID, err
	}
	return "", nil
}
