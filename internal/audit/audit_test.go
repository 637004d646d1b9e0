package audit_test

import (
	"context"
	"errors"
	"testing"

	"portvakt/internal/actor"
	"portvakt/internal/audit"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

type orgPrefix struct{}

func (orgPrefix) Prefix() string { return "org" }

type orgID = sqldb.ID[orgPrefix]

type entry struct {
	id                                                      audit.EntryID
	organization                                            orgID
	at                                                      int64
	kind, actorID, action, object, detail, request, address string
}

func entries(t *testing.T, db *sqldb.DB) []entry {
	t.Helper()
	all, err := sqldb.All(context.Background(), db, func(r sqldb.Row) (e entry, err error) {
		return e, r.Scan(&e.id, &e.organization, &e.at, &e.kind, &e.actorID, &e.action, &e.object, &e.detail, &e.request, &e.address)
	}, "select id, organization_id, at, actor_kind, actor_id, action, object, detail, request_id, address from audit_entries order by id")
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestEntryTellsWhoDidWhat(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		org := sqldb.NewID[orgPrefix](clock.Now())
		ctx := actor.With(context.Background(), actor.Actor{Kind: actor.ProvisioningClient, ID: "pcl_1", Name: "HR", RequestID: "req1", Address: "192.0.2.1", UserAgent: "x"})
		err := db.Update(ctx, func(tx *sqldb.Tx) error {
			if err := audit.Append(ctx, tx, org, audit.Entry{Action: "membership.suspended", Object: "mbr_1", Detail: map[string]any{"fields": []string{"active"}}}); err != nil {
				return err
			}
			return audit.Append(context.Background(), tx, orgID{}, audit.Entry{Action: "key.rotated", Object: "key_1"})
		})
		if err != nil {
			t.Fatal(err)
		}
		byAction := map[string]entry{}
		for _, e := range entries(t, db) {
			if e.id.IsZero() {
				t.Error("an entry has no id")
			}
			e.id = audit.EntryID{}
			byAction[e.action] = e
		}
		want := map[string]entry{
			"membership.suspended": {organization: org, at: testenv.Start.UnixMicro(), kind: "provisioning_client", actorID: "pcl_1", action: "membership.suspended",
				object: "mbr_1", detail: `{"fields":["active"]}`, request: "req1", address: "192.0.2.1"},
			"key.rotated": {at: testenv.Start.UnixMicro(), kind: "system", action: "key.rotated", object: "key_1", detail: "{}"},
		}
		for action, w := range want {
			if byAction[action] != w {
				t.Errorf("entry = %+v\nwant    %+v", byAction[action], w)
			}
		}
	})
}

func TestEntryLivesAndDiesWithItsChange(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, _ *testenv.Clock) {
		ctx := context.Background()
		no := errors.New("no")
		err := db.Update(ctx, func(tx *sqldb.Tx) error {
			if err := audit.Append(ctx, tx, orgID{}, audit.Entry{Action: "a.b", Object: "x"}); err != nil {
				return err
			}
			return no
		})
		if !errors.Is(err, no) || len(entries(t, db)) != 0 {
			t.Errorf("Update = %v with %d entries, want none", err, len(entries(t, db)))
		}
		err = db.Update(ctx, func(tx *sqldb.Tx) error {
			return audit.Append(ctx, tx, orgID{}, audit.Entry{Action: "a.b", Object: "x", Detail: map[string]any{"f": func() {}}})
		})
		if err == nil || len(entries(t, db)) != 0 {
			t.Errorf("an unwritable detail: %v", err)
		}
	})
}
