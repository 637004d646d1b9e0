//go:build e2e

package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"portvakt/internal/directory"
	"portvakt/internal/secret"
	"portvakt/internal/sqldb"
)

// accessSeed is an organization with a branch of four roles beside another, groups, and its neighbour.
const accessSeed = `
modules:
  - {id: invoices, name: {en: Invoices}, fields: [amount], tools: [export]}
  - {id: orders, name: {en: Orders}}
  - {id: notes, name: {en: Notes}}
organizations:
  - slug: nordlys
    name: Nordlys AS
    domains: [nordlys.example]
    features: [archive]
    provisioning_clients: [{name: HR, token: scim-dev-nordlys}]
    service_accounts: [{id: shop, name: Shop, secret: secret-of-nordlys.shop}]
    profiles:
      - {id: all, modules: {invoices: {view: true, create: true, edit: true, delete: true, tools: [export]}, orders: {view: true, create: true, edit: true, delete: true}, notes: {view: true, edit: true}}}
      - {id: reader, modules: {invoices: {view: true}, orders: {view: true}, notes: {view: true}}}
    roles:
      - id: chief
        name: Chief
        profiles: [all]
        below:
          - {id: lead, name: Lead, profiles: [reader], below: [{id: seller, name: Seller, profiles: [all]}]}
          - {id: stores, name: Stores, profiles: [all], below: [{id: packer, name: Packer, profiles: [all]}]}
    groups:
      - {id: accounting, name: Accounting, members: [{member: anna@nordlys.example}]}
      - {id: office, name: Office, members: [{group: accounting}]}
    sharing: {invoices: private, orders: public_read}
    sharing_rules: [{module: invoices, from: {role_and_below: stores}, to: {group: accounting}, access: read}]
    members:
      - {email: chief@nordlys.example, given_name: Clara, family_name: Chief, role: chief}
      - {email: lead@nordlys.example, role: lead}
      - {email: seller@nordlys.example, role: seller}
      - {email: second@nordlys.example, role: seller}
      - {email: stores@nordlys.example, role: stores}
      - {email: packer@nordlys.example, role: packer}
      - {email: anna@nordlys.example, role: packer}
  - slug: bjorkvik
    name: Björkvik AB
    members: [{email: erik@bjorkvik.example}]
applications:
  - {client_id: crm, secret: secret-of-crm, organizations: [nordlys], grant_types: [client_credentials], scopes: [authzen, organization, transfers]}
  - {client_id: neighbour, secret: secret-of-neighbour, organizations: [bjorkvik], grant_types: [client_credentials], scopes: [authzen]}
`

// decider is an application that asks with its own token.
type decider struct {
	*service
	token string
	ids   map[string]string // membership ids
}

func serveAccess(t *testing.T, database string) *decider {
	t.Helper()
	return serveAccessWith(t, database, accessSeed)
}

func serveAccessWith(t *testing.T, database, seed string) *decider {
	t.Helper()
	file := filepath.Join(t.TempDir(), "seed.yaml")
	if err := os.WriteFile(file, []byte(seed), 0o600); err != nil {
		t.Fatal(err)
	}
	d := &decider{service: serve(t, database, "--seed", file), ids: map[string]string{}}
	d.token = d.own("crm", "authzen", "organization", "nordlys")
	for _, name := range []string{"chief", "lead", "seller", "second", "stores", "packer", "anna"} {
		d.ids[name] = d.member(name + "@nordlys.example")
	}
	return d
}

func (d *decider) asks(token, path string, body any) (int, map[string]any) {
	d.t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		d.t.Fatal(err)
	}
	req, err := http.NewRequest(http.MethodPost, d.issuer+"/access/v1/"+path, bytes.NewReader(raw))
	if err != nil {
		d.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+token)
	status, out, _ := d.send(req)
	return status, out
}

// question asks about a record of somebody: a name, or group:key. more are further properties.
func (d *decider) question(who, action, module, owner string, more ...string) map[string]any {
	name := func(s string) string {
		if id, ok := d.ids[s]; ok {
			return "member:" + id
		}
		return s
	}
	properties := map[string]any{}
	if owner != "" {
		properties["owner"] = name(owner)
	}
	for i := 0; i+1 < len(more); i += 2 {
		properties[more[i]] = name(more[i+1])
	}
	return map[string]any{"subject": map[string]any{"type": "member", "id": d.ids[who]}, "action": map[string]any{"name": action},
		"resource": map[string]any{"type": module, "id": "1", "properties": properties}}
}

// may checks one decision and its reason.
func (d *decider) may(want bool, reason, who, action, module, owner string, more ...string) {
	d.t.Helper()
	status, out := d.asks(d.token, "evaluation", d.question(who, action, module, owner, more...))
	context, _ := out["context"].(map[string]any)
	if status != http.StatusOK || out["decision"] != want || context["reason"] != reason {
		d.t.Errorf("may %s %s %s of %s %v: %d %v, want %v by %s", who, action, module, owner, more, status, out, want, reason)
	}
}

// TestR11_AGroupsRecordIsSeenByAllInIt: asked by an application with its own token, over HTTP; so are those below.
func TestR11_AGroupsRecordIsSeenByAllInIt(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, database string) {
		d := serveAccess(t, database)
		d.may(true, "group", "anna", "view", "invoices", "group:accounting")
		d.may(true, "group", "anna", "delete", "invoices", "group:office") // nested
		d.may(false, "not_shared", "packer", "view", "invoices", "group:accounting")
		d.may(false, "not_shared", "chief", "view", "invoices", "group:accounting") // being above somebody in it is not being in it
		d.may(true, "owner", "packer", "edit", "invoices", "packer")
		d.may(false, "unknown_owner", "chief", "view", "invoices", "group:nothing")
	})
}

// TestR12_RolesAboveReachWhatIsOwnedBelow: strictly above, in the same branch, within the own profile.
func TestR12_RolesAboveReachWhatIsOwnedBelow(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, database string) {
		d := serveAccess(t, database)
		d.may(true, "role_above", "chief", "delete", "invoices", "seller")
		d.may(true, "role_above", "lead", "view", "invoices", "seller")
		d.may(false, "no_permission", "lead", "edit", "invoices", "seller") // within the own profile
		d.may(false, "not_shared", "second", "view", "invoices", "seller")  // the same role
		d.may(false, "not_shared", "stores", "view", "invoices", "seller")  // another branch
		d.may(false, "not_shared", "seller", "view", "invoices", "lead")    // upwards
		body := map[string]any{"subject": map[string]any{"type": "user"}, "action": map[string]any{"name": "view"}, "resource": d.question("chief", "view", "invoices", "seller")["resource"]}
		status, out := d.asks(d.token, "search/subject", body)
		if results, _ := out["results"].([]any); status != 200 || len(results) != 3 { // the chief, the lead, the seller
			t.Errorf("who may see it: %d %v", status, out)
		}
		body = map[string]any{"subject": map[string]any{"type": "member", "id": d.ids["lead"]}, "action": map[string]any{"name": "view"}, "resource": map[string]any{"type": "invoices"}}
		_, out = d.asks(d.token, "search/resource", body)
		filter, _ := out["context"].(map[string]any)["filter"].(map[string]any)
		owners := fmt.Sprint(filter["owners"])
		if filter["everyone"] != false || strings.Count(owners, "member:") != 3 || !strings.Contains(owners, d.ids["second"]) || strings.Contains(owners, d.ids["packer"]) {
			t.Errorf("whose records the lead sees: %v", filter)
		}
	})
}

// TestR16_SharingAsApplicationsAskForIt: the strictest default, what a rule adds to it, and that by default everybody sees
// each other's records.
func TestR16_SharingAsApplicationsAskForIt(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, database string) {
		d := serveAccess(t, database)
		d.may(false, "not_shared", "seller", "view", "invoices", "packer")
		d.may(true, "sharing_rule", "anna", "view", "invoices", "packer")
		d.may(true, "sharing_rule", "anna", "export", "invoices", "stores")
		d.may(false, "not_shared", "anna", "edit", "invoices", "packer") // the rule is for reading
		d.may(true, "sharing_default", "seller", "view", "orders", "packer")
		d.may(false, "not_shared", "seller", "edit", "orders", "packer")
		d.may(true, "sharing_default", "seller", "edit", "notes", "packer")
		if code, _, errs := d.apply(database, "organizations: [{slug: nordlys, sharing: {orders: public_full}}]"); code != exitOK {
			t.Fatal(errs)
		}
		withinASecond(t, "the new default", func() bool {
			_, out := d.asks(d.token, "evaluation", d.question("seller", "delete", "orders", "packer"))
			return out["decision"] == true
		})
	})
}

// TestR20_AnArchivedOwnersRecordNeedsANewOwner: whoever reaches it may look; changing it demands an active new owner.
func TestR20_AnArchivedOwnersRecordNeedsANewOwner(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, database string) {
		d := serveAccess(t, database)
		d.may(true, "role_above", "chief", "edit", "invoices", "seller")
		d.stop()
		archive(t, database, d.ids["seller"])
		d = serveAccessWith(t, database, "organizations: [{slug: later, name: Later}]\n")
		d.may(false, "not_active", "seller", "view", "invoices", "seller")
		d.may(true, "role_above", "chief", "view", "invoices", "seller")
		d.may(false, "owner_archived", "chief", "edit", "invoices", "seller")
		d.may(false, "owner_archived", "chief", "delete", "invoices", "seller")
		d.may(false, "owner_archived", "chief", "edit", "invoices", "seller", "new_owner", "seller")
		d.may(true, "role_above", "chief", "edit", "invoices", "seller", "new_owner", "second")
		d.may(true, "role_above", "chief", "edit", "invoices", "seller", "new_owner", "group:accounting")
	})
}

// archive ends a membership whose records stay with it, in the database of a service that does not run.
func archive(t *testing.T, database, member string) {
	t.Helper()
	raw, _ := base64.StdEncoding.DecodeString(devMaster)
	keys, err := secret.NewKeys(raw)
	if err != nil {
		t.Fatal(err)
	}
	db, err := sqldb.Open(context.Background(), sqldb.Config{URL: database, MaxConnections: 2, Vault: keys})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	dir := directory.New(db)
	org, err := dir.Organizations.BySlug(context.Background(), "nordlys")
	if err != nil {
		t.Fatal(err)
	}
	id, err := directory.ParseMembershipID(member)
	if err == nil {
		err = dir.Memberships.End(context.Background(), org.ID, id, directory.Ending{Choice: directory.EndArchived})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestWall117_DecisionsStayWithinTheirOrganization: neither another application nor another organization's name or people
// open anything, and what a token stood on is asked for every time.
func TestWall117_DecisionsStayWithinTheirOrganization(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, database string) {
		d := serveAccess(t, database)
		good := d.question("chief", "view", "invoices", "seller")
		in := func(slug string) map[string]any {
			q := d.question("chief", "view", "invoices", "seller")
			q["context"] = map[string]any{"organization": slug}
			return q
		}
		loose, strange := d.own("crm", "authzen"), d.own("neighbour", "authzen")
		for what, row := range map[string]struct {
			token    string
			body     any
			status   int
			decision any
			code     any
		}{
			"bound": {d.token, good, 200, true, nil}, "by name": {loose, in("nordlys"), 200, true, nil}, "nowhere": {loose, good, 400, nil, "organization_missing"},
			"a service account": {d.own("nordlys.shop", "authzen"), good, 200, true, nil}, "a service account elsewhere": {d.own("nordlys.shop", "authzen"), in("bjorkvik"), 404, nil, "not_found"},
			"another's": {d.token, in("bjorkvik"), 404, nil, "not_found"}, "not there": {d.token, in("nowhere"), 404, nil, "not_found"}, "another's by name": {loose, in("bjorkvik"), 404, nil, "not_found"},
			"the neighbour": {strange, in("nordlys"), 404, nil, "not_found"}, "the neighbour asks about ours": {strange, in("bjorkvik"), 200, false, nil},
			"for another address": {d.own("crm", "transfers"), good, 401, nil, "invalid_token"}, "SCIM's": {hrToken, good, 401, nil, "invalid_token"},
		} {
			if status, out := d.asks(row.token, "evaluation", row.body); status != row.status || out["decision"] != row.decision || out["error"] != row.code {
				t.Errorf("%s: %d %v", what, status, out)
			}
		}
		d.setActive(d.ids["seller"], false)
		d.may(false, "not_active", "seller", "view", "invoices", "seller") // at once
		d.setActive(d.ids["seller"], true)
		d.may(true, "owner", "seller", "view", "invoices", "seller")
		if status, out, _ := d.call(http.MethodDelete, d.users()+"/"+d.ids["second"], hrToken, nil); status != http.StatusNoContent {
			t.Fatalf("DELETE: %d %v", status, out)
		}
		_, out := d.asks(d.token, "evaluation", d.question("second", "view", "invoices", "second"))
		if out["decision"] != false {
			t.Errorf("an ended subject: %v", out)
		}
		if code, _, errs := d.apply(database, "applications: [{client_id: crm, grant_types: [client_credentials], disabled: true}]"); code != exitOK {
			t.Fatal(errs)
		}
		withinASecond(t, "a disabled application is refused", func() bool {
			status, _ := d.asks(d.token, "evaluation", good)
			return status == http.StatusUnauthorized
		})
		d.advance(11 * time.Minute)
		if status, _ := d.asks(strange, "evaluation", in("bjorkvik")); status != http.StatusUnauthorized {
			t.Errorf("an expired token: %d", status)
		}
	})
}

// TestAuthZENMetadata: the document says where the endpoints are, and they are there; every answer is in their own form.
func TestAuthZENMetadata(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, database string) {
		d := serveAccess(t, database)
		status, out, header := d.call(http.MethodGet, d.issuer+"/.well-known/authzen-configuration", "", nil)
		if status != 200 || out["policy_decision_point"] != d.issuer || header.Get("Etag") == "" || header.Get("Content-Type") != "application/json" || len(out) != 6 {
			t.Fatalf("%d %v %v", status, out, header)
		}
		req, _ := http.NewRequest(http.MethodGet, d.issuer+"/.well-known/authzen-configuration", nil)
		req.Header.Set("If-None-Match", header.Get("Etag"))
		if status, _, _ := d.send(req); status != http.StatusNotModified {
			t.Errorf("with the tag: %d", status)
		}
		var paths []string
		for name, at := range out {
			if name == "policy_decision_point" {
				continue
			}
			paths = append(paths, strings.TrimPrefix(at.(string), d.issuer))
			for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodDelete, http.MethodOptions, http.MethodPost} {
				req, _ := http.NewRequest(method, at.(string), strings.NewReader("{}"))
				req.Header.Set("X-Request-ID", "mine")
				want, code := http.StatusMethodNotAllowed, "method_not_allowed"
				if method == http.MethodPost {
					want, code = http.StatusUnauthorized, "token_missing"
				}
				status, out, header := d.send(req)
				if status != want || out["error"] != code || header.Get("X-Request-Id") != "mine" || header.Get("Cache-Control") != "no-store" {
					t.Errorf("%s %s: %d %v %v", method, at, status, out, header)
				}
			}
		}
		slices.Sort(paths)
		if want := []string{"/access/v1/evaluation", "/access/v1/evaluations", "/access/v1/search/action", "/access/v1/search/resource", "/access/v1/search/subject"}; !slices.Equal(paths, want) {
			t.Errorf("paths %v", paths)
		}
		if status, out := d.asks(d.token, "nothing", map[string]any{}); status != 404 || out["error"] != "not_found" {
			t.Errorf("no such address: %d %v", status, out)
		}
	})
}

// TestAuthZENExamplesWork runs the examples of docs/integration/authzen.md as they stand there.
func TestAuthZENExamplesWork(t *testing.T) {
	t.Parallel()
	for _, tool := range []string{"bash", "curl", "sed", "grep"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Fatal(err)
		}
	}
	page, err := os.ReadFile("../../docs/integration/authzen.md")
	if err != nil {
		t.Fatal(err)
	}
	script := "set -euo pipefail\n"
	for _, block := range strings.Split(string(page), "```sh\n")[1:] {
		code, _, _ := strings.Cut(block, "```")
		script += code
	}
	s := serve(t, filepath.Join(t.TempDir(), "test.db"))
	cmd := exec.Command("bash", "-c", strings.ReplaceAll(script, "http://localhost:8080", s.issuer))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{`{"decision":true,"context":{"reason":"group"`, `"explanation":{"language":"nb"`, `{"evaluations":[{"decision":true`, `"filter":{"module":"invoices"`, `{"name":"view"}`, `"policy_decision_point":"` + s.issuer} {
		if !strings.Contains(string(out), want) {
			t.Errorf("nothing answered %s:\n%s", want, out)
		}
	}
}
