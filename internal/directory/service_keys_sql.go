package directory

import (
	"context"
	"net/netip"
	"net/url"
	"strings"

	"portvakt/internal/fault"
	"portvakt/internal/sqldb"
)

const maxKeysURI = 2000

var (
	errKeysURI = fault.New(fault.Invalid, "bad_jwks_uri", "The address of public keys is an https address without user and fragment").On("jwks_uri")
	// errBoundKeysURI: what is at an address changes without us, so it could not end with whoever named it.
	errBoundKeysURI = fault.New(fault.Forbidden, "bound_jwks_uri", "Somebody whose access ends registers keys by value").On("jwks_uri")
)

// checkKeysURI refuses what no public keys can be read at; plain http goes to this machine alone, for development.
func checkKeysURI(uri string) error {
	if uri == "" {
		return nil
	}
	u, err := url.Parse(uri)
	if err != nil || len(uri) > maxKeysURI || u.Hostname() == "" || u.User != nil || strings.Contains(uri, "#") ||
		strings.ContainsFunc(uri, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return errKeysURI
	}
	addr, err := netip.ParseAddr(u.Hostname())
	here := u.Hostname() == "localhost" || err == nil && addr.IsLoopback()
	if u.Scheme != "https" && !(u.Scheme == "http" && here) {
		return errKeysURI
	}
	return nil
}

// readKeysAt has the account's keys read at an address from now on; "" changes nothing.
func (s ServiceAccounts) readKeysAt(ctx context.Context, a *ServiceAccount, uri string) error {
	if uri == "" || uri == a.KeysURI {
		return nil
	}
	by, err := makerOf(ctx, s.tx, a.Organization)
	if err != nil {
		return err
	}
	a.KeysURI = uri
	if err := setKeysURI(s.tx, a, by); err != nil {
		return err
	}
	for _, c := range a.Credentials {
		if !c.IsSecret() && c.InForce(s.tx.Now()) {
			endCredential(s.tx, *a, c.ID, s.tx.Now())
		}
	}
	return noteServiceAccount(ctx, s.tx, EventServiceKeysSet, *a)
}

func setKeysURI(tx *sqldb.Tx, a *ServiceAccount, by maker) error {
	if by.bound {
		return errBoundKeysURI
	}
	writeKeysURI(tx, a)
	return nil
}

func writeKeysURI(tx *sqldb.Tx, a *ServiceAccount) {
	tx.Later(`update service_accounts set jwks_uri = $3 where organization_id = $1 and id = $2`, a.Organization, a.ID, sqldb.Text(a.KeysURI))
}
