package application

import (
	"context"
	"sync"
	"sync/atomic"

	"portvakt/internal/directory"
	"portvakt/internal/fault"
	"portvakt/internal/sqldb"
)

// Clients keeps applications, service accounts and the organizations that client requests name. It reads each once and
// forgets all when directory.ApplicationsWatermark moves.
type Clients struct {
	db   *sqldb.DB
	dir  *directory.Directory
	now  atomic.Pointer[generation]
	uses *directory.Uses[directory.ServiceAccountID]

	remote *remoteKeys
}

// generation is what was read under one version.
type generation struct {
	version       int64
	clients       sync.Map // client id or directory.ApplicationID → *Client
	organizations sync.Map // slug or OrganizationID → directory.Organization
}

// NewClients makes the cache over the directory.
func NewClients(db *sqldb.DB, dir *directory.Directory) *Clients {
	return &Clients{db: db, dir: dir, uses: directory.NewUses(dir.ServiceAccounts.NoteUsed)}
}

// Errors of look-ups.
var (
	ErrUnknown             = directory.ErrApplicationNotFound
	ErrUnknownOrganization = directory.ErrOrganizationNotFound
)

// ByClientID is the client; ErrUnknown where there is none. Disabled clients are found: who asks decides.
func (c *Clients) ByClientID(ctx context.Context, id string) (*Client, error) {
	g, err := c.generation(ctx)
	if err != nil {
		return nil, err
	}
	if found, ok := g.clients.Load(id); ok {
		return found.(*Client), nil
	}
	client, err := c.read(ctx, id)
	if err != nil {
		return nil, err // unknown ids are not kept: anybody can invent them
	}
	g.clients.Store(id, client)
	return client, nil
}

func (c *Clients) read(ctx context.Context, id string) (*Client, error) {
	if !plausible(id) {
		return nil, ErrUnknown
	}
	a, err := c.dir.Applications.ByClientID(ctx, id)
	if err == nil {
		return c.withModules(ctx, ofApplication(a))
	}
	if !fault.Is(err, fault.NotFound) {
		return nil, err
	}
	s, err := c.dir.ServiceAccounts.ByClientID(ctx, id)
	if err != nil {
		return nil, err
	}
	return ofServiceAccount(s), nil
}

// plausible keeps texts from the database that no client id can be.
func plausible(id string) bool {
	if id == "" || len(id) > 200 {
		return false
	}
	for i := range len(id) {
		if id[i] <= ' ' || id[i] > '~' {
			return false
		}
	}
	return true
}

// ByID is the application with the identifier, of whichever kind.
func (c *Clients) ByID(ctx context.Context, id directory.ApplicationID) (*Client, error) {
	g, err := c.generation(ctx)
	if err != nil {
		return nil, err
	}
	if found, ok := g.clients.Load(id); ok {
		return found.(*Client), nil
	}
	a, err := c.dir.Applications.ByID(ctx, id)
	if err != nil {
		return nil, err
	}
	var client *Client
	if a.Kind == directory.KindSAML {
		client, err = c.withModules(ctx, ofServiceProvider(a))
	} else {
		client, err = c.ByClientID(ctx, a.ClientID)
	}
	if err == nil {
		g.clients.Store(id, client)
	}
	return client, err
}

// withModules looks up whether the modules that an application names are for everybody.
func (c *Clients) withModules(ctx context.Context, client *Client) (_ *Client, err error) {
	if modules := client.Registered.Metadata.Modules; len(modules) > 0 {
		client.Gate.SelfService, err = anySelfService(ctx, c.db, modules)
	}
	return client, err
}

// OrganizationServed is the organization that the client names by slug; ErrUnknownOrganization where there is none, or the
// client does not serve it.
//
// Invariant: the two cost the same, one statement that reads an index, whoever else has asked before: the time that the answer
// takes tells nobody which organizations there are (TestWall125_WhoIsNotServedCostsWhatNobodyCosts).
func (c *Clients) OrganizationServed(ctx context.Context, client *Client, slug string) (directory.Organization, error) {
	g, err := c.generation(ctx)
	if err != nil {
		return directory.Organization{}, err
	}
	if found, ok := g.organizations.Load(slug); ok && client.Gate.Serves(found.(directory.Organization).ID) {
		return found.(directory.Organization), nil
	}
	if !plausible(slug) {
		return directory.Organization{}, ErrUnknownOrganization
	}
	id, err := c.dir.Organizations.IDBySlug(ctx, slug)
	switch {
	case err != nil:
		return directory.Organization{}, err
	case !client.Gate.Serves(id):
		return directory.Organization{}, ErrUnknownOrganization
	}
	o, err := c.OrganizationByID(ctx, id)
	if err == nil {
		g.organizations.Store(slug, o)
	}
	return o, err
}

// OrganizationByID is the organization; ErrUnknownOrganization where there is none.
func (c *Clients) OrganizationByID(ctx context.Context, id directory.OrganizationID) (directory.Organization, error) {
	return c.organization(ctx, id, func() (directory.Organization, error) { return c.dir.Organizations.ByID(ctx, id) })
}

func (c *Clients) organization(ctx context.Context, key any, read func() (directory.Organization, error)) (directory.Organization, error) {
	g, err := c.generation(ctx)
	if err != nil {
		return directory.Organization{}, err
	}
	if found, ok := g.organizations.Load(key); ok {
		return found.(directory.Organization), nil
	}
	o, err := read()
	if err != nil {
		return o, err
	}
	g.organizations.Store(key, o)
	return o, nil
}

// generation is the one of the present version. The version is read before anything is read into it, so what it holds
// is as new as the version or newer.
func (c *Clients) generation(ctx context.Context) (*generation, error) {
	version, err := c.db.Watermarks().Version(ctx, directory.ApplicationsWatermark)
	if err != nil {
		return nil, err
	}
	for {
		g := c.now.Load()
		if g != nil && g.version == version {
			return g, nil
		}
		fresh := &generation{version: version}
		if c.now.CompareAndSwap(g, fresh) {
			return fresh, nil
		}
	}
}
