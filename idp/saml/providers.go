package saml

import (
	"context"
	"sync"
	"sync/atomic"

	"portvakt/idp/saml/wire"
	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
)

// Provider is a service provider, parsed and ready. It is shared by all requests: nobody changes it. As conversations and the
// gate see it, it is application.Clients.ByID.
type Provider struct {
	directory.ServiceProvider
	Wire       *wire.ServiceProvider
	Trust      wire.Trust
	Encryption *wire.Encryption          // of assertions and names, where the settings ask for it; nil: neither
	Attributes []directory.SAMLAttribute // of the template and the registration together
}

// Providers keeps service providers ready for use. It reads each once and forgets all when directory.ApplicationsWatermark
// moves; what nobody uses costs nothing.
type Providers struct {
	db  *sqldb.DB
	dir *directory.Directory
	now atomic.Pointer[providerGeneration]
}

// providerGeneration is what was read under one version.
type providerGeneration struct {
	version int64
	known   sync.Map // providerKey → *Provider
}

// providerKey is one way to ask for a service provider.
type providerKey struct {
	owner directory.OrganizationID
	by    string
	text  string
	id    directory.ApplicationID
}

// NewProviders makes the cache over the directory.
func NewProviders(db *sqldb.DB, dir *directory.Directory) *Providers {
	return &Providers{db: db, dir: dir}
}

// ByEntityID is the owner's service provider; directory.ErrServiceProviderNotFound where there is none, or its metadata has
// never been read. Disabled ones are found, and those whose metadata has expired (Wire.Expired): who asks decides.
//
// Invariant: the owner is part of the key, so that no organization's request reaches another's registration or the
// installation's (TestWall056_AnEntityIsItsOwners).
func (p *Providers) ByEntityID(ctx context.Context, owner directory.OrganizationID, entityID string) (*Provider, error) {
	return p.get(ctx, providerKey{owner: owner, by: "entity", text: entityID}, func() (directory.ServiceProvider, error) {
		return p.dir.ServiceProviders.ByEntityID(ctx, owner, entityID)
	})
}

// ByName is the owner's service provider by its slug or its identifier.
func (p *Providers) ByName(ctx context.Context, owner directory.OrganizationID, name string) (*Provider, error) {
	return p.get(ctx, providerKey{owner: owner, by: "name", text: name}, func() (directory.ServiceProvider, error) {
		return p.dir.ServiceProviders.ByName(ctx, owner, name)
	})
}

// ByApplication is the service provider that the application is.
func (p *Providers) ByApplication(ctx context.Context, id directory.ApplicationID) (*Provider, error) {
	return p.get(ctx, providerKey{by: "id", id: id}, func() (directory.ServiceProvider, error) {
		return p.dir.ServiceProviders.ByApplication(ctx, id)
	})
}

// get answers from what is known; unknown ones are not kept, since anybody can invent them.
func (p *Providers) get(ctx context.Context, key providerKey, read func() (directory.ServiceProvider, error)) (*Provider, error) {
	g, err := p.generation(ctx)
	if err != nil {
		return nil, err
	}
	if found, ok := g.known.Load(key); ok {
		return found.(*Provider), nil
	}
	registered, err := read()
	if err != nil {
		return nil, err
	}
	if registered.Pending() {
		return nil, directory.ErrServiceProviderNotFound
	}
	provider, err := newProvider(registered)
	if err != nil {
		return nil, err
	}
	g.known.Store(key, provider)
	return provider, nil
}

func newProvider(registered directory.ServiceProvider) (*Provider, error) {
	p := &Provider{ServiceProvider: registered, Attributes: Attributes(&registered.Settings)}
	p.Wire = WireOf(&p.ServiceProvider)
	keys, err := wire.VerificationKeys(p.Wire.Keys)
	if err != nil {
		return nil, err
	}
	p.Trust = wire.Trust{Keys: keys, Required: p.Settings.RequireSignedRequests || p.Metadata.AuthnRequestsSigned, InsecureSHA1: p.Settings.InsecureSHA1}
	if p.Settings.Encrypt || p.Settings.EncryptNameID {
		o := wire.EncryptionOptions{}
		if p.Settings.InsecureCBC {
			o.Cipher = wire.InsecureAES256CBC
		}
		if p.Encryption, err = wire.NewEncryption(p.Wire.Keys, o); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// generation is the one of the present version. The version is read before anything is read into it, so what it holds is as
// new as the version or newer.
func (p *Providers) generation(ctx context.Context) (*providerGeneration, error) {
	version, err := p.db.Watermarks().Version(ctx, directory.ApplicationsWatermark)
	if err != nil {
		return nil, err
	}
	for {
		g := p.now.Load()
		if g != nil && g.version == version {
			return g, nil
		}
		fresh := &providerGeneration{version: version}
		if p.now.CompareAndSwap(g, fresh) {
			return fresh, nil
		}
	}
}
