package notice_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"portvakt/internal/actor"
	"portvakt/internal/directory"
	"portvakt/internal/mail"
	"portvakt/internal/notice"
	"portvakt/internal/outbox"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

var ctx = context.Background()

const day = 24 * time.Hour

// house is an organization with a boss, a neighbour with one, and everything that writes notices.
type house struct {
	*directory.Directory
	t       *testing.T
	db      *sqldb.DB
	clock   *testenv.Clock
	outbox  *outbox.Outbox
	mails   *mail.Captured
	broken  *broken
	org     directory.Organization
	other   directory.Organization
	boss    directory.Member
	another directory.Member // the neighbour's boss
}

// broken refuses one address.
type broken struct {
	mail.Sender
	mu      sync.Mutex
	address string
	tried   int
}

func (b *broken) Send(ctx context.Context, m mail.Message) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if m.To == b.address {
		b.tried++
		return errors.New("the mail server refuses")
	}
	return b.Sender.Send(ctx, m)
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

func each(t *testing.T, test func(t *testing.T, h *house)) {
	t.Helper()
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := &house{Directory: directory.New(db), t: t, db: db, clock: clock, mails: mail.NewCaptured(db)}
		h.broken = &broken{Sender: h.mails}
		h.outbox = outbox.New(db, slog.New(slog.NewTextHandler(io.Discard, nil)))
		notice.New(notice.Deps{DB: db, Directory: h.Directory, Texts: must(mail.NewTexts())(t), Sender: h.broken}).Subscribe(h.outbox)
		h.org = must(h.Organizations.Create(ctx, directory.Organization{Slug: "nordlys", Name: "Nordlys AS", Language: "nb", Domains: []string{"nordlys.example"}, Seats: -1}))(t)
		h.other = must(h.Organizations.Create(ctx, directory.Organization{Slug: "bjorkvik", Name: "Björkvik AB", Language: "sv", Domains: []string{"bjorkvik.example"}, Seats: -1}))(t)
		h.boss = h.member(h.org, "boss@nordlys.example", func(n *directory.NewMember) { n.Administrator = true })
		h.another = h.member(h.other, "boss@bjorkvik.example", func(n *directory.NewMember) { n.Administrator = true })
		test(t, h)
	})
}

func (h *house) member(o directory.Organization, email string, with func(*directory.NewMember)) directory.Member {
	h.t.Helper()
	name, _, _ := strings.Cut(email, "@")
	n := directory.NewMember{Member: directory.Member{Email: email, Details: directory.Details{GivenName: strings.ToUpper(name[:1]) + name[1:], FamilyName: "Berg"}}}
	if with != nil {
		with(&n)
	}
	return must(h.Memberships.Create(ctx, o.ID, n))(h.t)
}

func (h *house) change(m directory.Member, edit func(*directory.Member)) directory.Member {
	h.t.Helper()
	return must(h.Memberships.Change(ctx, m.Organization, m.ID, 0, func(m *directory.Member) error { edit(m); return nil }))(h.t)
}

// happens writes an event as the directory does.
func (h *house) happens(kind string, e directory.NoticeEvent) {
	h.t.Helper()
	e.Organization = h.org.ID.String()
	if err := h.db.Update(ctx, func(tx *sqldb.Tx) error { return outbox.Append(tx, h.org.ID, kind, e.Membership, e) }); err != nil {
		h.t.Fatal(err)
	}
}

// told delivers everything and answers "address: subject" of the mails since the last call.
func (h *house) told() []string {
	h.t.Helper()
	if err := h.outbox.Drain(ctx); err != nil {
		h.t.Fatal(err)
	}
	var out []string
	for _, m := range must(h.mails.List(ctx, 100))(h.t) {
		out = append(out, m.To+": "+m.Subject)
	}
	if _, err := h.db.Exec(ctx, "delete from captured_mail"); err != nil {
		h.t.Fatal(err)
	}
	slices.Sort(out)
	return out
}

func (h *house) want(what string, want ...string) {
	h.t.Helper()
	if got := h.told(); !slices.Equal(got, want) {
		h.t.Errorf("%s: told\n  %s\nwant\n  %s", what, strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

func TestR27_ThePersonAndWhoeverInvitedAreReminded(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		inviter := h.member(h.org, "inviter@nordlys.example", func(n *directory.NewMember) { n.Details.PreferredLanguage = "sv" })
		end := h.db.Now().Add(14 * day)
		by := actor.With(ctx, actor.Actor{Kind: actor.Person, ID: inviter.User.String(), Organization: h.org.ID.String()})
		n := directory.NewMember{Member: directory.Member{Email: "ola@nordlys.example", Kind: directory.External, End: end,
			Details: directory.Details{GivenName: "Ola", FamilyName: "Berg", Locale: "de-AT", Timezone: "Europe/Vienna"}}}
		ola := must(h.Memberships.Create(by, h.org.ID, n))(t)
		remind := func() { must(h.Memberships.RemindEnding(ctx))(t) }
		remind()
		if err := h.outbox.Drain(ctx); err != nil {
			t.Fatal(err)
		}
		mails := must(h.mails.List(ctx, 10))(t)
		i := slices.IndexFunc(mails, func(m mail.CapturedMessage) bool { return m.To == "ola@nordlys.example" })
		if i < 0 || !strings.Contains(mails[i].Text, "bis zum "+end.In(must(time.LoadLocation("Europe/Vienna"))(t)).Format("2.")) || strings.Contains(mails[i].Text, "UTC") {
			t.Errorf("the person is told %+v", mails)
		}
		h.want("14 days before", "inviter@nordlys.example: Ola Berg: åtkomsten till Nordlys AS upphör snart", "ola@nordlys.example: Ihr Zugang zu Nordlys AS endet bald")
		remind()
		h.want("again")

		if err := h.Memberships.End(ctx, h.org.ID, inviter.ID, directory.Ending{Choice: directory.EndPending}); err != nil {
			t.Fatal(err)
		}
		h.told()
		info := h.member(h.org, "info@nordlys.example", func(n *directory.NewMember) { n.Functions = []directory.Function{directory.InformationRecipient} })
		h.clock.Advance(11 * day)
		remind()
		h.want("3 days before, the inviter is gone", "info@nordlys.example: Ola Berg: tilgangen til Nordlys AS opphører snart", "ola@nordlys.example: Ihr Zugang zu Nordlys AS endet bald")
		h.change(info, func(m *directory.Member) { m.Functions = nil })
		h.clock.Advance(2 * day)
		remind()
		ola = must(h.Memberships.Extend(ctx, h.org.ID, ola.ID, end.Add(2*day)))(t)
		h.want("extended before the mail was written")
		remind()
		h.want("3 days before the new end, no recipient", "boss@nordlys.example: Ola Berg: tilgangen til Nordlys AS opphører snart", "ola@nordlys.example: Ihr Zugang zu Nordlys AS endet bald")

		h.clock.Advance(4 * day)
		must(h.Memberships.AnnounceEnded(ctx))(t)
		h.want("over", "boss@nordlys.example: Nordlys AS: hvem tar over etter Ola Berg?", "boss@nordlys.example: Ola Berg: tilgangen til Nordlys AS er opphørt")
		ola = must(h.Memberships.Extend(ctx, h.org.ID, ola.ID, h.db.Now().Add(30*day)))(t)
		if err := h.Memberships.End(ctx, h.org.ID, ola.ID, directory.Ending{Choice: directory.EndPending}); err != nil {
			t.Fatal(err)
		}
		h.want("ended by hand, nobody chose", "boss@nordlys.example: Nordlys AS: hvem tar over etter Ola Berg?")
	})
}

// TestR19_OnlyWhatTheOrganizationHasIsOffered: the archive is spoken of where it is switched on.
func TestR19_OnlyWhatTheOrganizationHasIsOffered(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		letter := func(email string) string {
			t.Helper()
			m := h.member(h.org, email, nil)
			if err := h.Memberships.End(ctx, h.org.ID, m.ID, directory.Ending{Choice: directory.EndPending}); err != nil {
				t.Fatal(err)
			}
			if err := h.outbox.Drain(ctx); err != nil {
				t.Fatal(err)
			}
			mails := must(h.mails.List(ctx, 100))(t)
			h.told()
			i := slices.IndexFunc(mails, func(m mail.CapturedMessage) bool {
				return m.To == "boss@nordlys.example" && strings.Contains(m.Text, "etterfølger")
			})
			if i < 0 {
				t.Fatalf("nobody is told: %+v", mails)
			}
			return mails[i].Text
		}
		if text := letter("one@nordlys.example"); strings.Contains(text, "arkiver") {
			t.Errorf("the archive is offered, and is not to be had:\n%s", text)
		}
		if err := h.Organizations.SetFeature(ctx, h.org.ID, directory.FeatureArchive, directory.FeatureOn); err != nil {
			t.Fatal(err)
		}
		if text := letter("two@nordlys.example"); !strings.Contains(text, "arkiver") {
			t.Errorf("the archive is switched on, and not spoken of:\n%s", text)
		}
	})
}

func TestR04_NoticesFollowFunctions(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		if err := h.db.Update(ctx, func(tx *sqldb.Tx) error {
			tx.Later("update features set names = $1, price_label = 'x' where key = 'archive'", `{"en": "Archive", "sv": "Arkivet"}`)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		feature := directory.NoticeEvent{Feature: "archive", PriceLabel: "SEK 49"}
		h.happens(directory.EventSeatsFull, directory.NoticeEvent{Seats: 5})
		h.want("no invoice recipient: the administrators", "boss@nordlys.example: Alle plassene hos Nordlys AS er i bruk")
		payer := h.member(h.org, "payer@nordlys.example", func(n *directory.NewMember) {
			n.Functions, n.Details.PreferredLanguage = []directory.Function{directory.InvoiceRecipient, directory.MainRecipient}, "sv-SE"
		})
		h.happens(directory.EventSeatsFull, directory.NoticeEvent{Seats: 5})
		h.happens(directory.EventFeatureActivated, feature)
		h.want("the invoice recipient", "payer@nordlys.example: Alla platser hos Nordlys AS används", "payer@nordlys.example: Arkivet har slagits på för Nordlys AS")
		vacancy := directory.NoticeEvent{Membership: payer.ID.String(), User: payer.User.String(), Function: directory.InvoiceRecipient}
		h.happens(directory.EventFunctionVacant, vacancy)
		h.want("the function has a holder")
		h.change(payer, func(m *directory.Member) { m.SuspendedAt = h.db.Now() })
		h.happens(directory.EventFeatureActivated, feature)
		h.want("a suspended holder hears nothing", "boss@nordlys.example: Archive er slått på for Nordlys AS")
		if err := h.Memberships.Delete(ctx, h.org.ID, payer.ID); err != nil {
			t.Fatal(err)
		}
		h.happens(directory.EventDomainVerified, directory.NoticeEvent{Domain: "nordlys.example"})
		h.want("the administrators", "boss@nordlys.example: Nordlys AS har ingen fakturamottaker lenger",
			"boss@nordlys.example: Nordlys AS har ingen hovedmottaker lenger", "boss@nordlys.example: Nordlys AS: hvem tar over etter Payer Berg?",
			"boss@nordlys.example: nordlys.example er bekreftet for Nordlys AS")

		h.member(h.org, "second@nordlys.example", nil)
		must(h.Memberships.Appoint(ctx, h.org.ID, directory.Appointment{Email: "second@nordlys.example", Reason: "ticket 7"}))(t)
		if err := h.outbox.Drain(ctx); err != nil {
			t.Fatal(err)
		}
		for _, m := range must(h.mails.List(ctx, 100))(t) {
			if !strings.Contains(m.Text, "ticket 7") {
				t.Errorf("the administrators are not told why:\n%s", m.Text)
			}
		}
		h.want("all administrators", "boss@nordlys.example: Second Berg er nå administrator for Nordlys AS", "second@nordlys.example: Second Berg er nå administrator for Nordlys AS")
	})
}

func TestR30_WhoLeftTheAgencyIsTold(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		must(h.Organizations.Change(ctx, h.org.ID, func(o *directory.Organization) error { o.ManagedBy = h.other.ID; return nil }))(t)
		agent := h.member(h.other, "agent@bjorkvik.example", nil)
		m := h.member(h.org, "agent@bjorkvik.example", func(n *directory.NewMember) { n.Kind, n.Reseller.Role = directory.Reseller, directory.Auditor })
		must(h.Memberships.Accept(ctx, m.User, m.ID))(t)
		if err := h.Memberships.End(ctx, h.other.ID, agent.ID, directory.Ending{Choice: directory.EndPending}); err != nil {
			t.Fatal(err)
		}
		h.want("the agency's person left", "boss@bjorkvik.example: Björkvik AB: vem tar över efter Agent Berg?",
			"boss@nordlys.example: Agent Berg: tilgangen til Nordlys AS er opphørt", "boss@nordlys.example: Nordlys AS: hvem tar over etter Agent Berg?")
	})
}

func TestR31_InvitationsWithoutAnswer(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		m := h.member(h.org, "guest@elsewhere.example", func(n *directory.NewMember) { n.AcceptBy = h.db.Now().Add(7 * day) })
		waits := directory.NoticeEvent{Membership: m.ID.String()}
		h.happens(directory.EventInvitationUnanswered, waits)
		h.want("waiting", "boss@nordlys.example: Guest Berg har ikke svart på invitasjonen fra Nordlys AS")
		h.clock.Advance(7 * day)
		must(h.Memberships.AnnounceEnded(ctx))(t)
		h.happens(directory.EventInvitationUnanswered, waits)
		h.want("expired: told once, not as an end of access", "boss@nordlys.example: Invitasjonen av Guest Berg til Nordlys AS er utløpt")
		yes := h.member(h.org, "yes@elsewhere.example", nil)
		must(h.Memberships.Accept(ctx, yes.User, yes.ID))(t)
		no := h.member(h.org, "no@elsewhere.example", nil)
		if err := h.Memberships.Decline(ctx, no.User, no.ID); err != nil {
			t.Fatal(err)
		}
		h.happens(directory.EventInvitationUnanswered, directory.NoticeEvent{Membership: yes.ID.String()})
		h.happens(directory.EventInvitationUnanswered, directory.NoticeEvent{Membership: no.ID.String()})
		h.want("answered meanwhile")
	})
}

func TestNoticesStayInTheirOrganization(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		for _, kind := range []string{directory.EventMembershipEnding, directory.EventMembershipEnded, directory.EventAgencyLeft, directory.EventFunctionVacant,
			directory.EventAdministratorAppointed, directory.EventInvitationUnanswered, directory.EventEndingPending} {
			h.happens(kind, directory.NoticeEvent{Membership: h.another.ID.String(), Function: directory.MainRecipient})
		}
		h.want("a member of the neighbour does not exist here")
		shared := h.member(h.org, "boss@bjorkvik.example", func(n *directory.NewMember) { n.Details = directory.Details{} }) // known there, unnamed here
		must(h.Memberships.Accept(ctx, shared.User, shared.ID))(t)
		h.happens(directory.EventAdministratorAppointed, directory.NoticeEvent{Membership: shared.ID.String()})
		if err := h.outbox.Drain(ctx); err != nil {
			t.Fatal(err)
		}
		for _, m := range must(h.mails.List(ctx, 10))(t) {
			if m.To != "boss@nordlys.example" || strings.Contains(m.Text, "Björkvik") || strings.Contains(m.Text, "Boss Berg er") {
				t.Errorf("to %s:\n%s", m.To, m.Text)
			}
		}
	})
}

func TestQuietEventsSendNothing(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.happens(directory.EventSeatsFull, directory.NoticeEvent{Quiet: true})
		h.happens(directory.EventDomainVerified, directory.NoticeEvent{Domain: "nordlys.example", Quiet: true})
		h.want("quiet")
	})
}

// One bad address keeps nobody else from being told, and nobody is told twice for it.
func TestLettersAreDeliveredOneByOne(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		for _, name := range []string{"a", "b", "c"} {
			h.member(h.org, name+"@nordlys.example", func(n *directory.NewMember) { n.Administrator = true })
		}
		h.told()
		h.broken.address = "b@nordlys.example"
		h.happens(directory.EventDomainVerified, directory.NoticeEvent{Domain: "x.example"})
		if got := h.told(); len(got) != 3 || h.broken.tried == 0 {
			t.Errorf("told %v, tried %d times", got, h.broken.tried)
		}
		h.broken.address = ""
		if err := h.db.Update(ctx, func(tx *sqldb.Tx) error { // the pause is over
			_, err := tx.Exec(ctx, "update deliveries set due_at = 0")
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if got := h.told(); len(got) != 1 || !strings.HasPrefix(got[0], "b@nordlys.example") {
			t.Errorf("then told %v", got)
		}
	})
}
