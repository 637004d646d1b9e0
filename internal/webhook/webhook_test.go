package webhook_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"portvakt/internal/directory"
	"portvakt/internal/outbox"
	"portvakt/internal/outgoing"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
	"portvakt/internal/webhook"
)

var ctx = context.Background()

// world is two organizations, applications that want to be told, and what was posted to them.
type world struct {
	db         *sqldb.DB
	dir        *directory.Directory
	events     *outbox.Outbox
	home, next directory.Organization

	mu     sync.Mutex
	posted map[string][]string // by address: the claims
	answer func(ctx context.Context, target string) (int, error)
}

// Sign leaves the claims readable.
func (w *world) Sign(_ context.Context, algorithm, typ string, claims []byte) (string, error) {
	return algorithm + " " + typ + " " + string(claims), nil
}

// Post keeps what was accepted.
func (w *world) Post(ctx context.Context, target, media string, body []byte) (int, error) {
	status, err := 202, error(nil)
	if w.answer != nil {
		status, err = w.answer(ctx, target)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if err == nil && status == 202 {
		w.posted[target] = append(w.posted[target], media+" "+string(body))
	}
	return status, err
}

func (w *world) got(target string) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.posted[target])
}

func must[T any](v T, err error) func(t *testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func newWorld(t *testing.T, db *sqldb.DB) *world {
	t.Helper()
	w := &world{db: db, dir: directory.New(db), events: outbox.New(db, slog.New(slog.DiscardHandler)), posted: map[string][]string{}}
	webhook.New(webhook.Config{DB: db, Directory: w.dir, Signer: w, Poster: w, Issuer: "https://portvakt.example", Log: slog.New(slog.DiscardHandler)}).Subscribe(w.events)
	w.home = must(w.dir.Organizations.Create(ctx, directory.Organization{Slug: "nordlys", Name: "Nordlys", Seats: directory.UnlimitedSeats}))(t)
	w.next = must(w.dir.Organizations.Create(ctx, directory.Organization{Slug: "bjorkvik", Name: "Björkvik", Seats: directory.UnlimitedSeats}))(t)
	return w
}

func (w *world) application(t *testing.T, clientID, uri string, orgs ...directory.OrganizationID) directory.Application {
	t.Helper()
	return must(w.dir.Applications.Save(ctx, directory.Application{ClientID: clientID, Organizations: orgs, AllOrganizations: len(orgs) == 0,
		Metadata: directory.ClientMetadata{WebhookURI: uri}}))(t)
}

func (w *world) employ(t *testing.T, email string) directory.Member {
	t.Helper()
	return must(w.dir.Memberships.Create(ctx, w.home.ID, directory.NewMember{Trusted: true, Member: directory.Member{Email: email}}))(t)
}

func (w *world) suspend(t *testing.T, m directory.Member) {
	t.Helper()
	must(w.dir.Memberships.Change(ctx, m.Organization, m.ID, 0, func(m *directory.Member) error { m.SuspendedAt = w.db.Now(); return nil }))(t)
}

func (w *world) drain(t *testing.T) {
	t.Helper()
	if err := w.events.Drain(ctx); err != nil {
		t.Fatal(err)
	}
}

// TestSecurityEventToken: what an application gets for each kind of event, word by word.
func TestSecurityEventToken(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		w := newWorld(t, db)
		w.application(t, "crm", "https://crm.example/events", w.home.ID)
		kari, ola := w.employ(t, "kari@nordlys.example"), w.employ(t, "ola@nordlys.example")
		w.suspend(t, kari)
		must(w.dir.Memberships.Change(ctx, w.home.ID, kari.ID, 0, func(m *directory.Member) error { m.SuspendedAt = time.Time{}; return nil }))(t)
		if err := w.dir.Memberships.End(ctx, w.home.ID, kari.ID, directory.Ending{Choice: directory.EndWithSuccessor, Successor: ola.ID}); err != nil {
			t.Fatal(err)
		}
		if err := db.Update(ctx, func(tx *sqldb.Tx) error {
			return outbox.Append(tx, directory.OrganizationID{}, directory.EventUserErased, kari.User.String(), directory.UserEvent{User: kari.User.String()})
		}); err != nil {
			t.Fatal(err)
		}
		w.drain(t)
		seen := map[string]bool{}
		for _, text := range w.got("https://crm.example/events") {
			body, ok := strings.CutPrefix(text, "application/secevent+jwt ES256 secevent+jwt ")
			var claims struct {
				Issuer, Audience, ID string
				Events               map[string]map[string]string
			}
			var all map[string]any
			if !ok || json.Unmarshal([]byte(body), &all) != nil || json.Unmarshal([]byte(body), &claims) != nil {
				t.Fatalf("posted %s", text)
			}
			if len(all) != 6 || all["iss"] != "https://portvakt.example" || all["aud"] != "crm" || !strings.HasPrefix(all["jti"].(string), "evt_") ||
				all["iat"] != float64(db.Now().Unix()) || all["toe"] != float64(db.Now().Unix()) || len(claims.Events) != 1 {
				t.Errorf("claims %s", body)
			}
			if strings.Contains(body, "kari") || strings.Contains(body, "@") {
				t.Errorf("a token names somebody: %s", body)
			}
			for kind, about := range claims.Events {
				seen[strings.TrimPrefix(kind, "urn:portvakt:event:")] = true
				want := map[string]string{"organization": w.home.ID.String(), "organization_slug": "nordlys", "membership": kari.ID.String(), "user": kari.User.String()}
				switch {
				case strings.HasSuffix(kind, "user.erased"):
					want = map[string]string{"user": kari.User.String()}
				case strings.Contains(kind, "transfer."):
					want = map[string]string{"organization": w.home.ID.String(), "organization_slug": "nordlys", "transfer": about["transfer"],
						"from": kari.ID.String(), "to": ola.ID.String(), "from_user": kari.User.String(), "to_user": ola.User.String()}
				}
				if fmt.Sprint(about) != fmt.Sprint(want) {
					t.Errorf("%s says %v, want %v", kind, about, want)
				}
			}
		}
		for _, kind := range []string{"membership.suspended", "membership.reactivated", "membership.ended", "transfer.requested", "transfer.completed", "user.erased"} {
			if !seen[kind] {
				t.Errorf("nobody was told of %s: %v", kind, seen)
			}
		}
	})
}

// TestOnlyWhoServesIsTold: no application of another organization, and none that was disabled or taken away before the delivery.
func TestOnlyWhoServesIsTold(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		w := newWorld(t, db)
		w.application(t, "mine", "https://mine.example/", w.home.ID)
		w.application(t, "all", "https://all.example/")
		w.application(t, "theirs", "https://theirs.example/", w.next.ID)
		w.application(t, "silent", "", w.home.ID)
		off, moved := w.application(t, "off", "https://off.example/", w.home.ID), w.application(t, "moved", "https://moved.example/", w.home.ID)
		w.answer = func(_ context.Context, target string) (int, error) {
			if target == "https://off.example/" || target == "https://moved.example/" {
				return 503, nil // not taken yet
			}
			return 202, nil
		}
		w.suspend(t, w.employ(t, "kari@nordlys.example"))
		w.drain(t)
		off.Disabled, moved.Organizations = true, []directory.OrganizationID{w.next.ID}
		must(w.dir.Applications.Save(ctx, off))(t)
		must(w.dir.Applications.Save(ctx, moved))(t)
		w.answer = nil
		if _, err := db.Exec(ctx, "update deliveries set due_at = 0"); err != nil {
			t.Fatal(err)
		}
		w.drain(t)
		for target, want := range map[string]int{"https://mine.example/": 1, "https://all.example/": 1, "https://theirs.example/": 0, "https://off.example/": 0, "https://moved.example/": 0} {
			if got := w.got(target); len(got) != want {
				t.Errorf("%s was told %d times: %v", target, len(got), got)
			}
		}
		if b := must(w.events.Backlog(ctx))(t); b.Waiting != 0 {
			t.Errorf("%d deliveries go on", b.Waiting)
		}
	})
}

// TestOneThatHangsKeepsNobodyWaiting: an application that does not answer takes some workers, never all.
func TestOneThatHangsKeepsNobodyWaiting(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		w := newWorld(t, db)
		w.application(t, "hangs", "https://hangs.example/", w.home.ID)
		w.application(t, "works", "https://works.example/", w.home.ID)
		release := make(chan struct{})
		w.answer = func(ctx context.Context, target string) (int, error) {
			if target == "https://hangs.example/" {
				select {
				case <-release:
				case <-ctx.Done():
				}
				return 0, errors.New("timeout")
			}
			return 202, nil
		}
		const people = 20
		for i := range people {
			w.suspend(t, w.employ(t, fmt.Sprintf("p%d@nordlys.example", i)))
		}
		running, stop := context.WithCancel(ctx)
		done := make(chan error, 1)
		go func() { done <- w.events.Run(running) }()
		deadline := time.Now().Add(4 * time.Second) // less than an application's patience
		for len(w.got("https://works.example/")) < people && time.Now().Before(deadline) {
			time.Sleep(5 * time.Millisecond)
		}
		if n := len(w.got("https://works.example/")); n != people {
			t.Errorf("%d of %d were told of while another application hung", n, people)
		}
		close(release)
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// TestAnAddressThatIsNotAllowedIsNotTriedAgain, while anything else is.
func TestAnAddressThatIsNotAllowedIsNotTriedAgain(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		w := newWorld(t, db)
		w.application(t, "inside", "https://10.0.0.1/", w.home.ID)
		w.application(t, "broken", "https://broken.example/", w.home.ID)
		w.answer = func(_ context.Context, target string) (int, error) {
			if target == "https://10.0.0.1/" {
				return 0, fmt.Errorf("no: %w", outgoing.ErrRefused)
			}
			return 400, nil
		}
		w.suspend(t, w.employ(t, "kari@nordlys.example"))
		w.drain(t)
		if b := must(w.events.Backlog(ctx))(t); b.Waiting != 1 {
			t.Errorf("%d deliveries wait, want that of the broken one", b.Waiting)
		}
	})
}
