//go:build e2e

package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"portvakt/internal/testenv"
)

// samlSeed is who signs in at the service providers of other houses, and an application of OpenID Connect beside them.
const samlSeed = `
organizations:
  - slug: nordlys
    name: Nordlys AS
    domains: [nordlys.example]
    provisioning_clients: [{name: HR, token: scim-dev-nordlys}]
    groups:
      - {id: accounting, name: Accounting, members: [{member: anna@nordlys.example}]}
      - {id: sales, name: Sales, members: [{member: anna@nordlys.example}]}
    members:
      - {email: anna@nordlys.example, given_name: Åse, family_name: "Ek & <Sønn>", password: saml secret of anna 1}
      - {email: bob@nordlys.example, given_name: Bob, family_name: Berg, password: saml secret of bob 22}
applications:
  - {client_id: c1, name: One, secret: wall-secret-one, redirect_uris: ["https://c1.example/cb"], post_logout_redirect_uris: ["https://c1.example/bye"],
     grant_types: [authorization_code], scopes: [openid]}
`

const (
	samlPerson   = "anna@nordlys.example"
	samlPassword = "saml secret of anna 1"
	samlFamily   = "Ek & <Sønn>"
)

// samlGround is one service with people, and the service providers of other houses around it.
type samlGround struct {
	s         *service
	database  string
	session   []*http.Cookie // of somebody who has signed in with us
	documents [][]byte       // our metadata, at each time that it was another
	around    []*samlJourney
}

// samlService is a service with people and no service provider yet.
func samlService(t *testing.T) *samlGround {
	t.Helper()
	database := testenv.URLs(t)["sqlite"](t)
	file := filepath.Join(t.TempDir(), "seed.yaml")
	if err := os.WriteFile(file, []byte(samlSeed), 0o600); err != nil {
		t.Fatal(err)
	}
	g := &samlGround{s: serve(t, database, "--seed", file), database: database}
	p := newPerson(t)
	p.open(g.s.issuer+"/account").signIn(samlPerson, samlPassword).on("account")
	g.session = p.client.Jar.Cookies(p.at)
	g.look(t)
	return g
}

// startJourney is one service provider at a service of its own.
func startJourney(t *testing.T, start func(t *testing.T, idp string) *party) *samlJourney {
	t.Helper()
	g := samlService(t)
	j := g.invite(t, start)
	j.introduce()
	return j
}

// invite starts a service provider, and does not wait for it.
func (g *samlGround) invite(t *testing.T, start func(t *testing.T, idp string) *party) *samlJourney {
	t.Helper()
	j := &samlJourney{samlGround: g, t: t, sp: start(t, g.s.issuer+"/saml/metadata"), signedBy: map[string]bool{}}
	g.around = append(g.around, j)
	return j
}

// each has every service provider do the same, beside each other.
func (g *samlGround) each(t *testing.T, name string, do func(j *samlJourney)) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		for _, j := range g.around {
			t.Run(j.sp.name, func(t *testing.T) {
				t.Parallel()
				j.at(t)
				do(j)
			})
		}
	})
}

// look keeps our metadata as it is now, for the judges.
func (g *samlGround) look(t *testing.T) {
	t.Helper()
	g.documents = append(g.documents, fetched(t, g.s.issuer+"/saml/metadata"))
}

func (g *samlGround) rotate(t *testing.T) {
	t.Helper()
	res, err := http.Post(g.s.issuer+"/dev/keys/rotate", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusNoContent {
		t.Fatalf("the rotation answered %d", res.StatusCode)
	}
	g.look(t)
}

// rolled rotates our keys again and again: a service provider that reads our metadata in between never notices, one that
// does not refuses us in the end, which shows that it looks. What it signs itself, and our answers to it, hold as well.
func (g *samlGround) rolled(t *testing.T) {
	t.Helper()
	g.each(t, "before", (*samlJourney).signedByUs)
	for i := range 2 {
		before := certificatesIn(t, g.documents[len(g.documents)-1])
		g.rotate(t)
		after := certificatesIn(t, g.documents[len(g.documents)-1])
		if len(before) != 2 || len(after) != 2 || string(before[1]) != string(after[0]) {
			t.Error("the next certificate was not shown before it signs")
		}
		g.each(t, "rotation "+strconv.Itoa(i+1), func(j *samlJourney) {
			j.signedByUs() // our metadata not read again
			if i == 0 && j.sp.lands != "" {
				j.leavesAlone()
			}
			j.sp.reread()
			j.signedByUs()
		})
	}
	g.rotate(t)
	g.rotate(t)
	g.each(t, "missed", func(j *samlJourney) {
		if len(j.signedBy) != 3 {
			j.t.Errorf("%d keys have signed, want 3", len(j.signedBy))
		}
		if l := j.enter(j.guest(), ""); l.Error == "" {
			j.t.Errorf("a key that it has never read signed, and it is content: %+v", l)
		}
		j.sp.reread()
		j.signedByUs()
	})
}

// judged hands all that we said to libxmlsec and the schemas.
func (g *samlGround) judged(t *testing.T) {
	documents, seen := map[string]document{}, map[string]bool{}
	var certificates [][]byte
	for i, metadata := range g.documents {
		documents["metadata "+strconv.Itoa(i)] = document{xml: metadata}
		for _, der := range certificatesIn(t, metadata) {
			if !seen[string(der)] {
				seen[string(der)] = true
				certificates = append(certificates, der)
			}
		}
	}
	for _, j := range g.around {
		said := 0
		for i, x := range j.taps {
			for n, c := range x.all {
				if strings.HasPrefix(c.To.String(), j.sp.base) && c.Parameter != "SAMLart" {
					documents[strings.Join([]string{j.sp.name, strconv.Itoa(i), strconv.Itoa(n)}, " ")] = document{c.XML, j.sp.key, c.Method == http.MethodGet}
					said++
				}
			}
		}
		if said < 10 {
			t.Errorf("%d documents for %s to judge", said, j.sp.name)
		}
	}
	judged(t, certificates, documents)
}

// TestSAMLServiceProviders are those of other people's making and languages, as customers would run them, around one service:
// each on its own, then all in one session, then under new keys of ours.
func TestSAMLServiceProviders(t *testing.T) {
	t.Parallel()
	g := samlService(t)
	packages := sync.OnceValue(func() string { return testenv.Installed(t, "testdata/saml-judges") })
	for _, start := range []func(t *testing.T, idp string) *party{mellon, simplesamlphp, pysaml2, crewjam,
		func(t *testing.T, idp string) *party {
			return npmParty(t, "node-saml", packages(), idp, abilities{passively: "/login?passive=true", relays: true, forces: true, choosesClass: true, readsHidden: true})
		},
		func(t *testing.T, idp string) *party { // asks neither passively nor for classes
			return npmParty(t, "samlify", packages(), idp, abilities{relays: true, forces: true})
		},
	} {
		g.invite(t, start)
	}
	g.each(t, "alone", func(j *samlJourney) {
		j.introduce()
		j.everything()
	})
	if t.Failed() {
		return // what follows would say the same again
	}
	t.Run("together", g.togetherOut)
	t.Run("partly", g.partly)
	t.Run("artifact", g.fetches)
	t.Run("keys", g.rolled)
	t.Run("without a browser", g.toldBySOAP)
	t.Run("judged", g.judged)
}
