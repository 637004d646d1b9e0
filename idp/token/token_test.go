package token_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"portvakt/idp/gate"
	"portvakt/idp/signing"
	"portvakt/idp/token"
	"portvakt/internal/directory"
	"portvakt/internal/secret"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

func each(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		test(t, newWorld(t, db, clock, directory.Member{}))
	})
}

func TestTokensSayWhatTheyMust(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		tokens := w.tokens(t)
		if tokens.TokenType != "Bearer" || tokens.ExpiresIn != 600 || tokens.RefreshToken == "" || tokens.Scope != strings.Join(w.scope, " ") {
			t.Errorf("answer %+v", tokens)
		}
		access, id := payload(t, tokens.AccessToken), payload(t, tokens.IDToken)
		now := float64(testenv.Start.Unix())
		for name, want := range map[string]any{
			"iss": issuer, "sub": w.member.User.String(), "aud": "demo", "client_id": "demo", "iat": now, "exp": now + 600, "auth_time": now,
			"scope": tokens.Scope, "acr": password, "org_slug": "nordlys", "org_id": w.org.ID.String(), "membership_id": w.member.ID.String(), "membership_kind": "employee",
		} {
			if access[name] != want {
				t.Errorf("access token: %s = %v, want %v", name, access[name], want)
			}
		}
		for name, want := range map[string]any{"iss": issuer, "sub": w.member.User.String(), "aud": "demo", "nonce": "n-0S6_WzA2Mj", "sid": access["sid"], "exp": now + 600, "auth_time": now} {
			if id[name] != want {
				t.Errorf("ID token: %s = %v, want %v", name, id[name], want)
			}
		}
		for _, absent := range []string{"email", "name", "roles", "org_id", "nbf"} {
			if _, ok := id[absent]; ok {
				t.Errorf("the ID token tells %s unasked", absent)
			}
		}
		if e, _ := access["entitlements"].([]any); len(e) != 1 || e[0] != "invoices:view" {
			t.Errorf("entitlements of the application's modules: %v", access["entitlements"])
		}
		if _, err := w.VerifyAccess(ctx, tokens.IDToken); err == nil {
			t.Error("an ID token passes as access token")
		}
		if _, err := w.ring.Verify(ctx, tokens.AccessToken, signing.TypeID); err == nil {
			t.Error("an access token passes as ID token")
		}
		a := must(w.VerifyAccess(ctx, tokens.AccessToken))(t)
		pass := must(w.State(ctx, a, w.client))(t)
		info := must(w.UserInfo(ctx, a, w.client, pass))(t)
		for _, want := range []string{`"sub":"` + w.member.User.String(), `"family_name":"Nørdmann \"K\""`, `"email":"kari@nordlys.example","email_verified":true`, `"roles":["chief"]`, `"org_slug":"nordlys"`} {
			if !strings.Contains(string(info), want) {
				t.Errorf("userinfo lacks %s: %s", want, info)
			}
		}
		if strings.Contains(string(info), "phone_number") {
			t.Error("userinfo tells what was not asked")
		}
		second := must(w.Refresh(ctx, w.client, token.RefreshRequest{Token: tokens.RefreshToken}))(t)
		if fresh := payload(t, second.IDToken); fresh["nonce"] != nil || fresh["sub"] != id["sub"] || fresh["sid"] != id["sid"] || fresh["auth_time"] != id["auth_time"] {
			t.Errorf("refreshed ID token %v", fresh)
		}
	})
}

func TestClaimsInIDTokenAndBudget(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.client.ClaimsInID = true
		if id := payload(t, w.tokens(t).IDToken); id["email"] != "kari@nordlys.example" || id["roles"] == nil || id["org_slug"] != "nordlys" {
			t.Errorf("ID token %v", id)
		}
		for range 500 {
			w.claims["entitlements"] = append(w.claims["entitlements"], "invoices:view")
		}
		tokens := w.tokens(t)
		access := payload(t, tokens.AccessToken)
		if access["entitlements"] != nil || access["roles"] == nil || access["access_ref"] != issuer+"/access/v1" || access["org_slug"] != "nordlys" {
			t.Errorf("over budget: %v", access)
		}
		a := must(w.VerifyAccess(ctx, tokens.AccessToken))(t)
		info := must(w.UserInfo(ctx, a, w.client, must(w.State(ctx, a, w.client))(t)))(t)
		if !strings.Contains(string(info), `"entitlements"`) {
			t.Error("userinfo leaves claims out")
		}
	})
}

// An organization's own application learns nothing of the person's other organizations.
func TestOrganizationsAreThoseOfTheApplication(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		second := must(w.dir.Organizations.Create(ctx, directory.Organization{Slug: "bjorkvik", Name: "Björkvik AB", Seats: directory.UnlimitedSeats}))(t)
		must(w.dir.Memberships.Create(ctx, second.ID, directory.NewMember{Trusted: true, Member: directory.Member{Email: "kari@nordlys.example"}}))(t)
		of := func() int {
			list, _ := payload(t, w.tokens(t, "openid", "organizations").AccessToken)["organizations"].([]any)
			return len(list)
		}
		if n := of(); n != 2 {
			t.Errorf("an application for all organizations is told of %d", n)
		}
		w.client.Gate.AllOrganizations, w.client.Gate.Organizations = false, []directory.OrganizationID{w.org.ID}
		if n := of(); n != 1 {
			t.Errorf("an application for one organization is told of %d", n)
		}
	})
}

func TestCodeBinding(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		good := w.redemption("")
		for name, spoil := range map[string]func(c *token.Client, r *token.Redemption){
			"another client":               func(c *token.Client, _ *token.Redemption) { *c = w.other },
			"another redirect URI":         func(_ *token.Client, r *token.Redemption) { r.RedirectURI += "/" },
			"no redirect URI":              func(_ *token.Client, r *token.Redemption) { r.RedirectURI = "" },
			"another verifier":             func(_ *token.Client, r *token.Redemption) { r.Verifier = strings.Repeat("a", 43) },
			"no verifier":                  func(_ *token.Client, r *token.Redemption) { r.Verifier = "" },
			"the challenge as verifier":    func(_ *token.Client, r *token.Redemption) { r.Verifier = challengeOf(verifier) },
			"a short verifier":             func(_ *token.Client, r *token.Redemption) { r.Verifier = verifier[:42] },
			"a long verifier":              func(_ *token.Client, r *token.Redemption) { r.Verifier = strings.Repeat("a", 129) },
			"a verifier of bad characters": func(_ *token.Client, r *token.Redemption) { r.Verifier = verifier[:42] + " " },
			"an empty code":                func(_ *token.Client, r *token.Redemption) { r.Code = "" },
			"another code":                 func(_ *token.Client, r *token.Redemption) { r.Code = secret.NewToken() },
			"a code cut short":             func(_ *token.Client, r *token.Redemption) { r.Code = r.Code[:42] },
			"a code with more":             func(_ *token.Client, r *token.Redemption) { r.Code += "=" },
		} {
			client, r := w.client, good
			code := w.code(t)
			r.Code = code
			spoil(&client, &r)
			if _, err := w.Redeem(ctx, client, r); !errors.Is(err, token.ErrGrant) {
				t.Errorf("%s: %v", name, err)
			}
			// Nothing of that spent it for the right client.
			if _, err := w.Redeem(ctx, w.client, w.redemption(code)); err != nil {
				t.Errorf("%s spent the code: %v", name, err)
			}
		}
		late := w.code(t)
		w.clock.Advance(time.Minute)
		if _, err := w.Redeem(ctx, w.client, w.redemption(late)); !errors.Is(err, token.ErrGrant) {
			t.Errorf("expired: %v", err)
		}
		orphan := w.code(t)
		w.endSession(t)
		if _, err := w.Redeem(ctx, w.client, w.redemption(orphan)); !errors.Is(err, token.ErrGrant) {
			t.Errorf("after the sign-out: %v", err)
		}
	})
}

func TestCodeWithoutChallengeRefusesAVerifier(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		issue := func() string {
			var code string
			err := w.db.Update(ctx, func(tx *sqldb.Tx) error {
				pass, err := w.gate.MayIssue(ctx, tx, gate.Request{Membership: w.member.ID, Application: w.client.Gate, Grant: gate.GrantAuthorize})
				if err != nil {
					return err
				}
				sid, err := insertSID(ctx, tx, w.newSessionIn(tx), pass.Standing())
				if err != nil {
					return err
				}
				code, err = w.IssueCode(ctx, tx, pass, token.CodeRequest{Client: w.client, RedirectURI: callback, Grant: token.Grant{Session: w.session, SID: sid, AuthenticatedAt: tx.Now()}})
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			return code
		}
		if _, err := w.Redeem(ctx, w.client, w.redemption(issue())); !errors.Is(err, token.ErrGrant) {
			t.Errorf("a verifier without a challenge: %v", err)
		}
		if _, err := w.Redeem(ctx, w.client, token.Redemption{Code: issue(), RedirectURI: callback}); err != nil {
			t.Error(err)
		}
	})
}

func TestCodeRace(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		code := w.code(t)
		won := make(chan token.Tokens, 30)
		var wg sync.WaitGroup
		for range cap(won) {
			wg.Go(func() {
				tokens, err := w.Redeem(ctx, w.client, w.redemption(code))
				if err == nil {
					won <- tokens
				} else if !errors.Is(err, token.ErrGrant) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if len(won) != 1 {
			t.Fatalf("%d redemptions succeeded", len(won))
		}
		tokens := w.tokens(t)
		code = w.code(t)
		tokens = must(w.Redeem(ctx, w.client, w.redemption(code)))(t)
		if !w.counts(t, tokens.AccessToken) {
			t.Fatal("a fresh token does not count")
		}
		if _, err := w.Redeem(ctx, w.other, w.redemption(code)); !errors.Is(err, token.ErrGrant) || !w.counts(t, tokens.AccessToken) {
			t.Errorf("another client's replay must change nothing: %v", err)
		}
		if _, err := w.Redeem(ctx, w.client, w.redemption(code)); !errors.Is(err, token.ErrGrant) {
			t.Errorf("replay: %v", err)
		}
		if w.counts(t, tokens.AccessToken) {
			t.Error("a replay left the access token alive")
		}
		if _, err := w.Refresh(ctx, w.client, token.RefreshRequest{Token: tokens.RefreshToken}); !errors.Is(err, token.ErrGrant) {
			t.Errorf("a replay left the refresh token alive: %v", err)
		}
	})
}

func TestSignOutEndsWhatIsNotOffline(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		online, offline := w.tokens(t), w.tokens(t, "openid", "offline_access")
		w.endSession(t)
		if _, err := w.Refresh(ctx, w.client, token.RefreshRequest{Token: online.RefreshToken}); !errors.Is(err, token.ErrGrant) || w.counts(t, online.AccessToken) {
			t.Errorf("a family survived its session: %v", err)
		}
		offline = must(w.Refresh(ctx, w.client, token.RefreshRequest{Token: offline.RefreshToken}))(t)
		if !w.counts(t, offline.AccessToken) {
			t.Error("offline access died with the session")
		}
		must(w.dir.Users.EndSessions(ctx, w.member.User, "everywhere"))(t)
		if _, err := w.Refresh(ctx, w.client, token.RefreshRequest{Token: offline.RefreshToken}); !errors.Is(err, token.ErrGrant) || w.counts(t, offline.AccessToken) {
			t.Errorf("offline access survived signing out everywhere: %v", err)
		}
	})
}

func TestNothingOutlivesTheMembership(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		end := testenv.Start.Add(5*time.Minute + 500*time.Millisecond)
		w := newWorld(t, db, clock, directory.Member{Kind: directory.External, End: end})
		tokens := w.tokens(t, "openid", "offline_access", "organization")
		for _, jwt := range []string{tokens.AccessToken, tokens.IDToken} {
			if exp := payload(t, jwt)["exp"].(float64); exp != float64(end.Unix()) {
				t.Errorf("exp = %v, the membership ends at %v", exp, end.Unix())
			}
		}
		if tokens.ExpiresIn != 300 || payload(t, tokens.AccessToken)["membership_end"] != float64(end.Unix()) {
			t.Errorf("expires_in %d", tokens.ExpiresIn)
		}
		code := w.code(t)
		clock.Advance(5*time.Minute + 500*time.Millisecond)
		if _, err := w.Refresh(ctx, w.client, token.RefreshRequest{Token: tokens.RefreshToken}); !errors.Is(err, token.ErrGrant) {
			t.Errorf("refresh after the end: %v", err)
		}
		if _, err := w.Redeem(ctx, w.client, w.redemption(code)); !errors.Is(err, token.ErrGrant) || w.counts(t, tokens.AccessToken) {
			t.Errorf("after the end: %v", err)
		}
	})
}

// Every way to end access × every use of what was issued before.
func TestEndsAreFeltEverywhere(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(w *world, m *directory.Member) error{
		"user disabled": func(w *world, m *directory.Member) error {
			_, err := w.dir.Users.SetState(ctx, m.User, directory.UserDisabled)
			return err
		},
		"signed out everywhere": func(w *world, m *directory.Member) error {
			_, err := w.dir.Users.EndSessions(ctx, m.User, "everywhere")
			return err
		},
		"membership suspended": func(w *world, m *directory.Member) error {
			_, err := w.dir.Memberships.Change(ctx, w.org.ID, m.ID, 0, func(m *directory.Member) error { m.SuspendedAt = testenv.Start; return nil })
			return err
		},
		"membership ended": func(w *world, m *directory.Member) error {
			return w.dir.Memberships.End(ctx, w.org.ID, m.ID, directory.Ending{Choice: directory.EndPending})
		},
		"membership deleted": func(w *world, m *directory.Member) error { return w.dir.Memberships.Delete(ctx, w.org.ID, m.ID) },
		"organization suspended": func(w *world, _ *directory.Member) error {
			_, err := w.dir.Organizations.Change(ctx, w.org.ID, func(o *directory.Organization) error { o.Suspended = true; return nil })
			return err
		},
		"application disabled":    func(w *world, _ *directory.Member) error { w.client.Gate.Disabled = true; return nil },
		"application not serving": func(w *world, _ *directory.Member) error { w.client.Gate.AllOrganizations = false; return nil },
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, w *world) {
				tokens, code := w.tokens(t, "openid", "offline_access"), w.code(t)
				if !w.counts(t, tokens.AccessToken) {
					t.Fatal("a fresh token does not count")
				}
				if err := end(w, &w.member); err != nil {
					t.Fatal(err)
				}
				if w.counts(t, tokens.AccessToken) {
					t.Error("the access token counts")
				}
				if _, err := w.Refresh(ctx, w.client, token.RefreshRequest{Token: tokens.RefreshToken}); !errors.Is(err, token.ErrGrant) {
					t.Errorf("refresh: %v", err)
				}
				if _, err := w.Redeem(ctx, w.client, w.redemption(code)); !errors.Is(err, token.ErrGrant) {
					t.Errorf("redeem: %v", err)
				}
				if _, err := w.RefreshState(ctx, tokens.RefreshToken, w.client); !errors.Is(err, token.ErrToken) {
					t.Errorf("introspection of the refresh token: %v", err)
				}
			})
		})
	}
}

func TestRevoke(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		byRefresh, byAccess, kept := w.tokens(t), w.tokens(t), w.tokens(t)
		for _, foreign := range []string{kept.AccessToken, kept.RefreshToken, "nonsense", kept.IDToken} {
			if err := w.Revoke(ctx, w.other, foreign); err != nil {
				t.Error(err)
			}
		}
		if !w.counts(t, kept.AccessToken) {
			t.Error("another client revoked a token")
		}
		for tokens, one := range map[*token.Tokens]string{&byRefresh: byRefresh.RefreshToken, &byAccess: byAccess.AccessToken} {
			if err := w.Revoke(ctx, w.client, one); err != nil {
				t.Fatal(err)
			}
			if _, err := w.Refresh(ctx, w.client, token.RefreshRequest{Token: tokens.RefreshToken}); !errors.Is(err, token.ErrGrant) || w.counts(t, tokens.AccessToken) {
				t.Errorf("alive after revocation: %v", err)
			}
		}

		pass := must(gate.JudgeClient(w.db.Now(), gate.ClientRequest{ClientID: "demo", Application: w.client.Gate, Organization: w.org}))(t)
		own := must(w.IssueClient(ctx, w.client, pass, []string{"authzen"}))(t)
		a := must(w.VerifyAccess(ctx, own.AccessToken))(t)
		if err := w.ClientState(ctx, a, w.client); err != nil || a.Subject != "demo" || len(a.Audience) != 1 || a.Audience[0] != issuer+"/access/v1" {
			t.Fatalf("%+v, %v", a, err)
		}
		if _, err := w.State(ctx, a, w.client); !errors.Is(err, token.ErrToken) {
			t.Errorf("a client's own token passes as a person's: %v", err)
		}
		if err := w.Revoke(ctx, w.client, own.AccessToken); err != nil {
			t.Fatal(err)
		}
		if err := w.ClientState(ctx, a, w.client); !errors.Is(err, token.ErrToken) {
			t.Errorf("alive after revocation: %v", err)
		}
	})
}

func TestPurge(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.tokens(t)
		kept := w.tokens(t, "openid", "offline_access")
		w.clock.Advance(25 * time.Hour)
		if err := w.Purge(ctx, "test"); err != nil {
			t.Fatal(err)
		}
		var codes int64
		if err := w.db.QueryRow(ctx, "select count(*) from authorization_codes").Scan(&codes); err != nil || codes != 0 {
			t.Errorf("%d codes left, %v", codes, err)
		}
		if _, err := w.Refresh(ctx, w.client, token.RefreshRequest{Token: kept.RefreshToken}); err != nil {
			t.Errorf("a living family was deleted: %v", err)
		}
	})
}

func TestLogoutToken(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		tokens := w.tokens(t)
		id := payload(t, tokens.IDToken)
		a := must(w.VerifyAccess(ctx, tokens.AccessToken))(t)
		_ = a
		jwt := must(w.LogoutToken(ctx, w.client, w.member.User.String(), token.SID{1}))(t)
		claims := payload(t, jwt)
		events, _ := claims["events"].(map[string]any)
		if claims["sub"] != id["sub"] || claims["aud"] != "demo" || claims["nonce"] != nil || events["http://schemas.openid.net/event/backchannel-logout"] == nil {
			t.Errorf("logout token %v", claims)
		}
		if claims["exp"].(float64)-claims["iat"].(float64) != 120 || claims["jti"] == nil {
			t.Errorf("logout token %v", claims)
		}
		if _, err := w.ring.Verify(ctx, jwt, signing.TypeID, signing.TypeAccess); err == nil {
			t.Error("a logout token passes as another")
		}
	})
}
