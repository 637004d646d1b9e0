package token_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"

	"portvakt/authz"
	"portvakt/idp/gate"
	"portvakt/idp/signing"
	"portvakt/idp/token"
	"portvakt/internal/directory"
	"portvakt/internal/secret"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

var ctx = context.Background()

const (
	issuer   = "https://id.example"
	callback = "https://rp.example/cb"
	verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
	password = "urn:portvakt:acr:password"
)

func challengeOf(v string) string {
	sum := sha256.Sum256([]byte(v))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func must[T any](v T, err error) func(t testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// rowSIDs stands for package session: it makes the row that a sibling needs.
type rowSIDs struct{}

func (rowSIDs) SID(ctx context.Context, tx *sqldb.Tx, session token.SessionID, pass gate.Pass) (token.SID, error) {
	return insertSID(ctx, tx, session, pass.Standing())
}

func insertSID(ctx context.Context, tx *sqldb.Tx, session token.SessionID, st directory.Standing) (token.SID, error) {
	id := token.SID(sqldb.NewID[somePrefix](tx.Now()))
	_, err := tx.Exec(ctx, `insert into session_organizations (id, session_id, organization_id, membership_id, membership_epoch, created_at)
		values ($1, $2, $3, $4, $5, $6)`, id, session, st.Organization, st.Membership, st.Epoch, sqldb.Micros(tx.Now()))
	return id, err
}

type somePrefix struct{}

func (somePrefix) Prefix() string { return "x" }

type accessOf map[string][]string

func (a accessOf) Of(_ context.Context, _ directory.Standing, modules []string, mapping []directory.ClaimMapping) ([]token.Claim, error) {
	c := authz.Claims{Roles: a["roles"], Groups: a["groups"], Entitlements: a["entitlements"], RolePath: a["role_path"],
		Profiles: a["profiles"], Functions: a["functions"], Segments: a["segments"]}
	var out []token.Claim
	for _, n := range authz.Mapping(mapping).Apply(c.Only(modules)) {
		out = append(out, token.Claim(n))
	}
	return out, nil
}

// world is a person with a session in an organization, an application, and everything that issues.
type world struct {
	*token.Service
	db      *sqldb.DB
	clock   *testenv.Clock
	dir     *directory.Directory
	gate    *gate.Gate
	ring    *signing.Ring
	keys    *secret.Keys
	org     directory.Organization
	member  directory.Member
	client  token.Client
	other   token.Client
	session token.SessionID
	claims  accessOf
	scope   []string
}

func newWorld(t testing.TB, db *sqldb.DB, clock *testenv.Clock, made directory.Member) *world {
	t.Helper()
	w := &world{db: db, clock: clock, dir: directory.New(db), claims: accessOf{"roles": {"chief"}, "entitlements": {"invoices:view", "calendar:view"}},
		scope: []string{"openid", "profile", "email", "organization", "access"}}
	w.gate = gate.New(w.dir)
	master := sha256.Sum256([]byte("test"))
	w.keys = must(secret.NewKeys(master[:]))(t)
	w.ring = must(signing.Open(ctx, db, w.keys, signing.Config{Algorithms: []string{signing.ES256}}, slog.New(slog.DiscardHandler)))(t)
	t.Cleanup(func() { _ = w.ring.Ready(ctx) })
	w.Service = w.service(token.Config{Issuer: issuer})
	w.org = must(w.dir.Organizations.Create(ctx, directory.Organization{Slug: "nordlys", Name: "Nordlys AS", Seats: directory.UnlimitedSeats}))(t)
	must(w.dir.Memberships.Create(ctx, w.org.ID, directory.NewMember{Trusted: true, Member: directory.Member{Email: "admin@nordlys.example", Administrator: true}}))(t)
	made.Email = "kari@nordlys.example"
	made.Details = directory.Details{GivenName: "Kari", FamilyName: "Nørdmann \"K\"", Phones: []directory.Contact{{Value: "+4790000001"}}}
	w.member = must(w.dir.Memberships.Create(ctx, w.org.ID, directory.NewMember{Trusted: true, Member: made}))(t)
	w.client = w.application(t, "demo", directory.ClientMetadata{Modules: []string{"invoices"}})
	w.other = w.application(t, "other", directory.ClientMetadata{})
	w.session = w.newSession(t)
	return w
}

func (w *world) service(cfg token.Config) *token.Service {
	return token.New(token.Parts{DB: w.db, Directory: w.dir, Gate: w.gate, Ring: w.ring, Keys: w.keys, Claims: w.claims, SIDs: rowSIDs{}}, cfg)
}

func (w *world) application(t testing.TB, id string, m directory.ClientMetadata) token.Client {
	t.Helper()
	m.GrantTypes = []string{"authorization_code", "refresh_token", "client_credentials"}
	a := must(w.dir.Applications.Save(ctx, directory.Application{ClientID: id, Name: id, AllOrganizations: true, Metadata: m}))(t)
	return token.ClientOf(a, gate.Application{ID: a.ID, AllOrganizations: true, Grants: m.GrantTypes, SelfService: true})
}

func (w *world) newSession(t testing.TB) token.SessionID {
	t.Helper()
	id := token.SessionID(sqldb.NewID[somePrefix](w.db.Now()))
	_, err := w.db.Exec(ctx, `insert into sessions (id, hash, user_id, user_epoch, acr, amr, authenticated_at, seen_at, expires_at, address, user_agent, created_at)
		values ($1, $2, $3, 1, 'x', '', $4, $4, $5, '', '', $4)`, id, secret.Random(32), w.member.User, sqldb.Micros(w.db.Now()), sqldb.Micros(w.db.Now().Add(24*time.Hour)))
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func (w *world) endSession(t testing.TB) {
	t.Helper()
	if _, err := w.db.Exec(ctx, "update sessions set ended_at = $1", sqldb.Micros(w.db.Now())); err != nil {
		t.Fatal(err)
	}
}

// code is what the authorization endpoint does once a person has signed in.
func (w *world) code(t testing.TB, scope ...string) string {
	t.Helper()
	if scope == nil {
		scope = w.scope
	}
	var code string
	err := w.db.Update(ctx, func(tx *sqldb.Tx) error {
		pass, err := w.gate.MayIssue(ctx, tx, gate.Request{Membership: w.member.ID, Application: w.client.Gate, Grant: gate.GrantAuthorize, ACR: password,
			Use: gate.Use{SignedInAt: tx.Now(), SeenAt: tx.Now()}})
		if err != nil {
			return err
		}
		sid, err := insertSID(ctx, tx, w.newSessionIn(tx), pass.Standing())
		if err != nil {
			return err
		}
		code, err = w.IssueCode(ctx, tx, pass, token.CodeRequest{Client: w.client, RedirectURI: callback, Challenge: challengeOf(verifier), Grant: token.Grant{
			Session: w.session, SID: sid, Scope: scope, Nonce: "n-0S6_WzA2Mj", ACR: password, AMR: []string{"pwd"}, AuthenticatedAt: w.db.Now(),
		}})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// newSessionIn gives every code a session row of its own, so that sids do not collide; ending all ends them together.
func (w *world) newSessionIn(tx *sqldb.Tx) token.SessionID {
	id := token.SessionID(sqldb.NewID[somePrefix](tx.Now()))
	tx.Later(`insert into sessions (id, hash, user_id, user_epoch, acr, amr, authenticated_at, seen_at, expires_at, address, user_agent, created_at)
		values ($1, $2, $3, 1, 'x', '', $4, $4, $5, '', '', $4)`, id, secret.Random(32), w.member.User, sqldb.Micros(tx.Now()), sqldb.Micros(tx.Now().Add(24*time.Hour)))
	w.session = id
	return id
}

func (w *world) redemption(code string) token.Redemption {
	return token.Redemption{Code: code, RedirectURI: callback, Verifier: verifier}
}

func (w *world) tokens(t testing.TB, scope ...string) token.Tokens {
	t.Helper()
	return must(w.Redeem(ctx, w.client, w.redemption(w.code(t, scope...))))(t)
}

// counts asks what introspection and userinfo ask.
func (w *world) counts(t testing.TB, access string) bool {
	t.Helper()
	a, err := w.VerifyAccess(ctx, access)
	if err == nil {
		_, err = w.State(ctx, a, w.client)
	}
	return err == nil
}

func base64url(s string) ([]byte, error) { return base64.RawURLEncoding.DecodeString(s) }

func payload(t testing.TB, jwt string) map[string]any {
	t.Helper()
	raw, err := base64url(strings.Split(jwt, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(raw, &m); err != nil {
		t.Fatalf("%v in %s", err, raw)
	}
	return m
}
