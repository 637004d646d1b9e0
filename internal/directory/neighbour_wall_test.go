package directory_test

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"portvakt/internal/actor"
	"portvakt/internal/directory"
	"portvakt/internal/fault"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

// TestWall125_TheNeighbourInEveryCall makes every call of the directory that takes an organization, also those of tomorrow,
// in the neighbour's name with all that is ours: nothing of ours is answered, and nothing of ours changes.
func TestWall125_TheNeighbourInEveryCall(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		given, ours := h.ourThings(t)
		chief := must(h.Memberships.Create(ctx, h.another.ID, directory.NewMember{Trusted: true, Member: directory.Member{Email: "chief@bjorkvik.example", Administrator: true}}))(t)
		before := h.everything(t, h.home.ID)
		if strings.Count(before, "\n") < 30 {
			t.Fatalf("there is too little of ours: %s", before)
		}
		for name, as := range map[string]context.Context{"administrator": by(chief), "system": ctx} {
			calls := 0
			stores := reflect.ValueOf(h.Directory).Elem()
			for i := range stores.NumField() {
				if !stores.Type().Field(i).IsExported() {
					continue
				}
				store := stores.Field(i)
				for j := range store.NumMethod() {
					what := name + " " + stores.Type().Field(i).Name + "." + store.Type().Method(j).Name
					arguments, takes := argumentsOf(t, as, h.another.ID, store.Method(j).Type(), given)
					if !takes {
						continue
					}
					calls++
					h.refusesOrShowsNothing(t, what, store.Method(j).Call(arguments), ours)
				}
			}
			if calls < 60 {
				t.Errorf("only %d calls", calls)
			}
		}
		if after := h.everything(t, h.home.ID); after != before {
			t.Errorf("ours is not what it was\n%s\nbefore\n%s", after, before)
		}
	})
}

// ourThings fills our organization with one of each and answers it by type, with the words that nobody else may read.
func (h house) ourThings(t *testing.T) (given map[reflect.Type]any, ours []string) {
	t.Helper()
	h.access(t, h.home.ID)
	member := func(email string, edit func(*directory.Member)) directory.Member {
		n := directory.NewMember{Trusted: true, Member: directory.Member{Email: email, UserName: "hidden name of " + email, ExternalID: "hidden-id",
			Details: directory.Details{FamilyName: "Hidden", Title: "Hidden title"}}}
		edit(&n.Member)
		return must(h.Memberships.Create(ctx, h.home.ID, n))(t)
	}
	member("boss@nordlys.example", func(m *directory.Member) { m.Administrator = true })
	heir := member("heir@nordlys.example", func(m *directory.Member) {})
	gone := member("gone@nordlys.example", func(m *directory.Member) {})
	holder := member("holder@nordlys.example", func(m *directory.Member) {
		m.Functions, m.Kind, m.End = []directory.Function{directory.MainRecipient}, directory.External, h.db.Now().Add(24*time.Hour)
	})
	asked := must(h.Invitations.Invite(ctx, h.home.ID, directory.Batch{People: []directory.Invitee{{Email: "asked@x.example", FamilyName: "Hidden"}}}))(t)[0]
	app := must(h.Applications.Save(ctx, directory.Application{ClientID: "hidden-crm", Name: "Hidden CRM", Organizations: []directory.OrganizationID{h.home.ID},
		Metadata: directory.ClientMetadata{GrantTypes: []string{"client_credentials"}, Scopes: []string{"transfers"}}}))(t)
	check(t, h.Memberships.End(ctx, h.home.ID, gone.ID, directory.Ending{Choice: directory.EndWithSuccessor, Successor: heir.ID}))
	transfer := must(h.Transfers.List(ctx, h.home.ID, directory.TransferID{}))(t)[0]
	account := must(h.ServiceAccounts.Save(ctx, "nordlys", directory.ServiceAccount{Organization: h.home.ID, Key: "shop", Name: "Hidden shop",
		Credentials: []directory.ServiceCredential{{Hash: digest("hidden")}}}))(t)
	account = must(h.ServiceAccounts.ByID(ctx, h.home.ID, account.ID))(t)
	client := must(h.ProvisioningClients.Create(ctx, directory.ProvisioningClient{Organization: h.home.ID, Name: "Hidden HR", MayUsers: true}, "hidden-token"))(t)
	token := must(h.ProvisioningClients.Tokens(ctx, h.home.ID, client.ID))(t)[0]
	_, err := h.Access.SaveGroups(ctx, h.home.ID, []directory.Group{{Key: "hidden", Name: "Hidden group"}})
	check(t, err)
	group := must(h.Access.Groups(ctx, h.home.ID))(t)[0]
	_, err = h.Access.AddGroupMembers(ctx, h.home.ID, group.ID, []directory.GroupMember{{Member: heir.ID}})
	check(t, err)
	role := must(h.Access.Roles(ctx, h.home.ID))(t)[0].ID
	must(h.Access.SaveProfiles(ctx, h.home.ID, []directory.Profile{{Key: "hidden", Name: "Hidden profile"}}))(t)
	profile := must(h.Access.Profiles(ctx, h.home.ID))(t)[0].ID
	must(h.Access.SaveSharingRules(ctx, h.home.ID, []directory.SharingRule{{Module: "sales", From: directory.SharingParty{Role: role},
		To: directory.SharingParty{Group: group.ID}, Access: directory.ShareRead}}))(t)
	rule := must(h.Access.SharingRules(ctx, h.home.ID))(t)[0].ID
	must(h.Organizations.ClaimDomain(ctx, h.home.ID, "hidden.example"))(t)
	address := must(directory.ParseEmail("holder@nordlys.example"))(t)

	given = map[reflect.Type]any{}
	for _, v := range []any{holder.ID, holder.User, app.ID, transfer.ID, account.ID, account.Credentials[0].ID, client.ID, token.ID, group.ID, role, profile, rule,
		asked.Invitation, address,
		[]directory.MembershipID{heir.ID}, []directory.GroupID{group.ID}, []directory.GroupMember{{Member: heir.ID}},
		directory.MainRecipient, directory.Ending{Choice: directory.EndWithSuccessor, Successor: heir.ID, NewHolder: heir.ID},
		directory.NewMember{Member: directory.Member{Email: "holder@nordlys.example", Manager: heir.ID, Successor: heir.ID, Role: role}},
		directory.Batch{People: []directory.Invitee{{Email: "heir@nordlys.example"}}, Packages: []string{"basis"}},
		directory.Appointment{Membership: heir.ID, Reason: "because"}, []directory.ImportLine{{Line: 1, Email: "gone@nordlys.example", ExternalID: "hidden-id", Manager: "hidden-id"}},
		"hidden.example", h.db.Now().Add(48 * time.Hour), digest("hidden"), []byte(oneKey), directory.Query{Limit: 100}, directory.InvitationQuery{Limit: 100},
		directory.GroupPage{Limit: 100}} {
		given[reflect.TypeOf(v)] = v
	}
	for _, m := range []directory.Member{heir, gone, holder} {
		ours = append(ours, m.ID.String())
	}
	return given, append(ours, "Hidden", "hidden-crm", h.home.ID.String(), transfer.ID.String(), account.ID.String(), group.ID.String(), profile.String(), rule.String())
}

// argumentsOf are what a call takes, of what is ours; false where it takes no organization.
func argumentsOf(t *testing.T, as context.Context, org directory.OrganizationID, of reflect.Type, given map[reflect.Type]any) (out []reflect.Value, takes bool) {
	t.Helper()
	var lacking []reflect.Type
	for i := range of.NumIn() {
		in := of.In(i)
		v := reflect.Zero(in)
		switch {
		case in == reflect.TypeFor[context.Context]():
			v = reflect.ValueOf(as)
		case in == reflect.TypeFor[directory.OrganizationID]():
			v, takes = reflect.ValueOf(org), true
		case in == reflect.TypeFor[directory.Resolver]():
			v = reflect.ValueOf(txts{})
		case in.Kind() == reflect.Func:
			v = reflect.MakeFunc(in, func([]reflect.Value) []reflect.Value { return []reflect.Value{reflect.Zero(reflect.TypeFor[error]())} })
		case in == reflect.TypeFor[[]byte]() && of.NumIn() == 4: // keys; a hash comes with an expiry
			v = reflect.ValueOf([]byte(oneKey))
		case in == reflect.TypeFor[[]byte]():
			v = reflect.ValueOf(digest("hidden"))
		case given[in] != nil:
			v = reflect.ValueOf(given[in])
		case in.Kind() == reflect.Array && !in.ConvertibleTo(reflect.TypeFor[[0]byte]()) && in.Name() != "":
			lacking = append(lacking, in)
		}
		out = append(out, v)
	}
	if takes && len(lacking) > 0 {
		t.Errorf("there is nothing of ours of the type %s", lacking)
	}
	return out, takes
}

type txts struct{}

func (txts) LookupTXT(context.Context, string) ([]string, error) { return nil, nil }

func (h house) refusesOrShowsNothing(t *testing.T, what string, answer []reflect.Value, ours []string) {
	t.Helper()
	for _, v := range answer {
		if err, is := v.Interface().(error); is {
			if f := fault.Of(err); f.Kind == fault.Internal || f.Kind == fault.Stale {
				t.Errorf("%s: %v", what, err)
			}
			for _, word := range ours {
				if strings.Contains(err.Error(), word) {
					t.Errorf("%s says %q: %v", what, word, err)
				}
			}
			return
		}
	}
	for _, v := range answer {
		text := fmt.Sprintf("%+v", v.Interface())
		for _, word := range ours {
			if strings.Contains(text, word) {
				t.Errorf("%s answers %q: %.300s", what, word, text)
			}
		}
	}
}

// everything is all that tables hold of an organization.
func (h house) everything(t *testing.T, org directory.OrganizationID) string {
	t.Helper()
	list := `select table_name, column_name from information_schema.columns where table_schema = current_schema() order by 1, 2`
	cast := "coalesce(cast(%s as text), '')"
	if h.db.Engine() == sqldb.SQLite {
		list = `select m.name, c.name from sqlite_master m, pragma_table_info(m.name) c where m.type = 'table' order by 1, 2`
		cast = "coalesce(hex(%s), '')"
	}
	tables := map[string][]string{}
	must(sqldb.All(ctx, h.db, func(r sqldb.Row) (struct{}, error) {
		var table, column string
		err := r.Scan(&table, &column)
		tables[table] = append(tables[table], column)
		return struct{}{}, err
	}, list))(t)
	var out []string
	for table, columns := range tables {
		where := " where organization_id = $1"
		switch {
		case slices.Contains(columns, "organization_id"):
		case table == "organizations":
			where = " where id = $1"
		case slices.Contains(columns, "membership_id"):
			where = " where membership_id in (select id from memberships where organization_id = $1)"
		case slices.Contains(columns, "service_account_id"):
			where = " where service_account_id in (select id from service_accounts where organization_id = $1)"
		default:
			continue
		}
		var texts []string
		for _, c := range columns {
			texts = append(texts, fmt.Sprintf(cast, c))
		}
		for _, row := range must(sqldb.All(ctx, h.db, func(r sqldb.Row) (s string, err error) { return s, r.Scan(&s) },
			"select "+strings.Join(texts, " || '|' || ")+" from "+table+where, org))(t) {
			out = append(out, table+": "+row)
		}
	}
	slices.Sort(out)
	return strings.Join(out, "\n")
}

// TestWall125_ErasureOfSomebodyWhoStandsEverywhere: inviter, maker, manager, successor, holder and administrator at once.
func TestWall125_ErasureOfSomebodyWhoStandsEverywhere(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		chief := directory.NewMember{Trusted: true, Member: directory.Member{Administrator: true, Details: directory.Details{FamilyName: "Unikmann"}}}
		chief.Email = "second@nordlys.example"
		chief.Details = directory.Details{}
		must(h.Memberships.Create(ctx, h.home.ID, chief))(t)
		chief.Email, chief.Details = "kari.unik@nordlys.example", directory.Details{FamilyName: "Unikmann"}
		kari := must(h.Memberships.Create(ctx, h.home.ID, chief))(t)
		as := actor.With(ctx, actor.Actor{Kind: actor.Person, ID: kari.User.String(), Organization: h.home.ID.String(), Address: "192.0.2.77", UserAgent: "Unik/7", Name: "Kari Unikmann"})
		asked := must(h.Invitations.Invite(as, h.home.ID, directory.Batch{People: invitees("guest@x.example")}))(t)[0]
		of := func(email string, edit func(m *directory.Member)) directory.Member {
			n := directory.NewMember{Trusted: true, Member: directory.Member{Email: email}}
			edit(&n.Member)
			return must(h.Memberships.Create(as, h.home.ID, n))(t)
		}
		of("below@nordlys.example", func(m *directory.Member) { m.Manager, m.Successor = kari.ID, kari.ID })
		of("text@nordlys.example", func(m *directory.Member) { m.ManagerText = "kari.unik@nordlys.example" })
		gone := of("gone@nordlys.example", func(*directory.Member) {})
		app := directory.Application{ClientID: "crm", Organizations: []directory.OrganizationID{h.home.ID},
			Metadata: directory.ClientMetadata{GrantTypes: []string{"client_credentials"}, Scopes: []string{"transfers"}}}
		app = must(h.Applications.Save(ctx, app))(t)
		check(t, h.Memberships.End(as, h.home.ID, gone.ID, directory.Ending{Choice: directory.EndWithSuccessor, Successor: kari.ID}))
		check(t, h.Memberships.HandOver(as, h.home.ID, directory.MainRecipient, directory.MembershipID{}, kari.ID))
		account := must(h.ServiceAccounts.Save(ctx, "nordlys", directory.ServiceAccount{Organization: h.home.ID, Key: "shop", Name: "Shop"}))(t)
		must(h.ServiceAccounts.Rotate(as, h.home.ID, account.ID, 0))(t)
		must(h.Organizations.ClaimDomain(as, h.home.ID, "claimed.example"))(t)

		e := must(h.Users.RequestErasure(ctx, kari.User))(t)
		must(h.Users.ConfirmErasure(ctx, e.ID))(t)
		forget(t, db)
		for _, where := range testenv.Find(t, db, personalWords...) {
			t.Error(where)
		}
		user := h.user(t, asked)
		if _, err := h.Memberships.Accept(ctx, user, asked.Membership); codeOf(err) != "invitation_void" {
			t.Errorf("the invitation of somebody who was erased: %v", err)
		}
		waiting := must(h.Transfers.ForApplication(ctx, app.ID, h.home.ID, directory.TransferID{}, 10))(t)
		if len(waiting) != 1 || !waiting[0].SuccessorGone || waiting[0].To != kari.ID {
			t.Errorf("transfers %+v", waiting)
		}
		if list := must(h.Memberships.Vacancies(ctx, h.home.ID))(t); len(list) != 1 || list[0].Function != directory.MainRecipient {
			t.Errorf("vacancies %+v", list)
		}

		// The address again is somebody new, who has nothing of it all.
		again := must(h.Memberships.Create(ctx, h.home.ID, person("kari.unik@nordlys.example")))(t)
		if again.User == kari.User || again.Administrator || len(again.Functions) > 0 {
			t.Errorf("the address again: %+v", again)
		}
		u := must(h.Users.ByID(ctx, again.User))(t)
		if !u.EmailVerifiedAt.IsZero() || u.Operator || !reflect.DeepEqual(u.Details, directory.Details{}) {
			t.Errorf("the new person has %+v", u)
		}
		for _, table := range []string{"passwords", "totp_secrets", "sessions", "account_links", "consents", "token_families"} {
			if n := h.count(t, "select count(*) from "+table+" where user_id = $1", again.User); n != 0 {
				t.Errorf("%d %s", n, table)
			}
		}
		if below := must(h.Memberships.ByUserName(ctx, h.home.ID, "below@nordlys.example"))(t); below.Manager == again.ID || below.Successor == again.ID {
			t.Errorf("inherited: %+v", below)
		}
	})
}
