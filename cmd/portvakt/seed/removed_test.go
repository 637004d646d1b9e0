package seed_test

import (
	"strings"
	"testing"

	"portvakt/cmd/portvakt/seed"
	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

const whole = `
modules: [{id: invoices, name: {en: Invoices}}]
organizations:
  - slug: nordlys
    name: Nordlys AS
    segments: [oslo, bergen]
    profiles: [{id: sales, modules: {invoices: {view: true}}}, {id: old}]
    roles:
      - {id: chief, below: [{id: seller, profiles: [sales, old], below: [{id: junior}]}, {id: clerk}]}
      - {id: board}
    groups:
      - {id: outer, members: [{group: inner}, {role_and_below: seller}, {member: kari@nordlys.example}]}
      - {id: inner, members: [{member: kari@nordlys.example}]}
      - {id: kept, members: [{member: kari@nordlys.example}, {member: per@nordlys.example}, {role: seller}]}
    sharing: {invoices: private}
    sharing_rules: [{module: invoices, from: {role_and_below: seller}, to: {group: outer}, access: read}]
    members:
      - {email: kari@nordlys.example, role: seller, segments: [oslo, bergen]}
      - {email: per@nordlys.example, role: clerk}
`

const less = `
organizations:
  - slug: nordlys
    segments: [{id: oslo, removed: true}, stavanger]
    profiles: [{id: old, removed: true}]
    roles:
      - {id: board, below: [{id: chief, below: [{id: clerk}, {id: junior}]}]}
      - {id: seller, removed: true, people_to: clerk}
    groups:
      - {id: inner, removed: true}
      - {id: outer, removed: true}
      - {id: kept, members: [{member: kari@nordlys.example, removed: true}, {role: seller, removed: true}, {role: board}]}
    sharing: {invoices: default}
    sharing_rules: [{module: invoices, from: {role_and_below: seller}, to: {group: outer}, removed: true}]
`

// TestR13_AFileRemovesAndMoves: what a file removes goes, what it says nothing of stays, and saying it again changes nothing.
func TestR13_AFileRemovesAndMoves(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		p := newPlace(t, db)
		p.apply(t, parse(t, whole))
		plan, err := seed.Plan(ctx, p.Deps, parse(t, less))
		if err != nil {
			t.Fatal(err)
		}
		report := p.apply(t, parse(t, less))
		if got := report.Total(); got.Removed != 9 || plan.Total() != got {
			t.Errorf("planned %+v, removed %+v\n%s", plan.Total(), got, report)
		}
		if !strings.Contains(report.String(), "2 groups removed") || !strings.Contains(plan.String(), "1 role") || !strings.Contains(plan.String(), "to remove") {
			t.Errorf("%s\n%s", plan, report)
		}
		org, err := p.Directory.Organizations.BySlug(ctx, "nordlys")
		if err != nil {
			t.Fatal(err)
		}
		m, err := p.Directory.Access.Model(ctx, org.ID)
		if err != nil {
			t.Fatal(err)
		}
		var roles []string
		clerk := directory.RoleID{}
		for _, r := range m.Roles {
			roles = append(roles, r.Key+":"+r.Parent)
			if r.Key == "clerk" {
				clerk = r.ID
			}
		}
		if got := strings.Join(roles, " "); len(roles) != 4 || !strings.Contains(got, "chief:board") || strings.Index(got, "clerk:chief") > strings.Index(got, "junior:chief") {
			t.Errorf("roles %s", got)
		}
		if len(m.Profiles) != 1 || len(m.Groups) != 1 || len(m.GroupMembers[m.Groups[0].ID]) != 2 || len(m.Rules)+len(m.Sharing) != 0 ||
			len(m.Segments) != 2 || m.Segments[0].Key != "bergen" {
			t.Errorf("%+v", m)
		}
		for _, who := range m.Members {
			if who.Role != clerk || who.AllSegments != (len(who.Segments) == 0) {
				t.Errorf("%+v", who)
			}
		}
		if again := p.apply(t, parse(t, less)); !again.Total().Zero() {
			t.Errorf("again: %s", again)
		}
	})
}

// TestR13_WhatAFileCannotRemove: each is said with its line and column, and nothing is done.
func TestR13_WhatAFileCannotRemove(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`roles: [{id: a, removed: true, name: A}]`:                                          `4:18: role "a" is removed, so nothing else can be said of it`,
		`roles: [{id: a, removed: true, below: [{id: b}]}]`:                                 `4:18: role "a" is removed, so nothing else can be said of it`,
		`roles: [{id: a, people_to: b}, {id: b}]`:                                           `4:32: people_to stands with removed: true alone`,
		`roles: [{id: a, removed: true, people_to: b}, {id: b, removed: true}]`:             `4:47: role "b" is removed in this file`,
		`groups: [{id: g, members: [{role: a}]}]` + "\n    roles: [{id: a, removed: true}]": `4:39: role "a" is removed in this file`,
		`groups: [{id: g, removed: true, members: [{role: a}]}]` + "\n    roles: [{id: a}]": `4:19: group "g" is removed, so nothing else can be said of it`,
		`profiles: [{id: p, removed: true}]` + "\n    roles: [{id: a, profiles: [p]}]":      `5:32: profile "p" is removed in this file`,
		`segments: [{id: s, removed: true, name: S}]`:                                       `4:21: segment "s" is removed, so nothing else can be said of it`,
		`roles: [{id: a, gone: true}]`:                                                      `4:21: unknown key "gone"`,
		`roles: [{id: a, removed: yes please}]`:                                             `4:30: `,
	} {
		_, problems := seed.Parse("test.yaml", []byte("organizations:\n  - slug: nordlys\n    name: Nordlys AS\n    "+text+"\n"), dev)
		if err := problems.Err(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\n%v\nwant %s", text, err, want)
		}
	}
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		p := newPlace(t, db)
		p.apply(t, parse(t, whole))
		for text, want := range map[string]string{
			`roles: [{id: clerk, removed: true}]`:                     `3:13: role clerk: the role still has its people (1,`,
			`profiles: [{id: sales, removed: true}]`:                  `3:16: profile sales: roles carry this profile: "seller"`,
			`groups: [{id: outer, removed: true}]`:                    `3:14: group outer: sharing rules name this group, for the modules "invoices"`,
			`roles: [{id: seller, removed: true, people_to: clerk}]`:  `3:13: role seller: groups or sharing rules name this role: "kept", "outer", "invoices"`,
			`roles: [{id: seller, removed: true, people_to: nobody}]`: `3:52: organization "nordlys" has no role "nobody"`,
		} {
			f := parse(t, "organizations:\n  - slug: nordlys\n    "+text+"\n")
			if _, err := seed.Apply(ctx, p.Deps, f); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s\n%v\nwant %s", text, err, want)
			}
		}
		if again := p.apply(t, parse(t, whole)); !again.Total().Zero() {
			t.Errorf("a refused file has changed something: %s", again)
		}
	})
}
