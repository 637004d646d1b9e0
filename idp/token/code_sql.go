package token

import (
	"context"
	"fmt"
	"strings"
	"time"

	"portvakt/idp/gate"
	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
)

// takenCode is a code that was just redeemed.
type takenCode struct {
	family          FamilyID
	userEpoch       int64
	membership      directory.MembershipID
	membershipEpoch int64
	issuedAt        time.Time
	grant           Grant
}

// codeKey is what opens a code beside being the right application.
type codeKey struct {
	hash                []byte
	redirect, challenge string
}

func insertCode(tx *sqldb.Tx, pass gate.Pass, r CodeRequest, hash []byte, expires time.Time) {
	st, g := pass.Standing(), &r.Grant
	tx.Later(`insert into authorization_codes (hash, application_id, redirect_uri, redirect_uri_sent, challenge, user_id, user_epoch,
			organization_id, membership_id, membership_epoch, session_id, sid, scope, nonce, acr, amr, authenticated_at, family_id, created_at, expires_at, factor_at)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)`,
		hash, r.Client.ID, r.RedirectURI, true, r.Challenge, st.User, st.UserEpoch, st.Organization, st.Membership, st.Epoch,
		g.Session, g.SID, strings.Join(g.Scope, " "), g.Nonce, g.ACR, strings.Join(g.AMR, " "), sqldb.Micros(g.AuthenticatedAt),
		sqldb.NewID[familyPrefix](tx.Now()), sqldb.Micros(tx.Now()), sqldb.Micros(expires), sqldb.Micros(g.FactorAt))
}

// liveSID says in SQL that the session behind a sid has not ended.
const liveSID = `exists (select 1 from session_organizations so join sessions se on se.id = so.session_id
	where so.id = %s.sid and so.ended_at is null and se.ended_at is null and se.expires_at > $2)`

// takeCode redeems a code: whoever gets the row is the only one. Everything that a code is bound to stands in the
// condition, so nothing is loaded for the wrong client, address or verifier.
func takeCode(ctx context.Context, tx *sqldb.Tx, application directory.ApplicationID, k codeKey) (c takenCode, err error) {
	var scope, amr string
	g := &c.grant
	err = tx.QueryRow(ctx, `update authorization_codes set used_at = $2
		where hash = $1 and application_id = $3 and redirect_uri = $4 and challenge = $5 and used_at is null and expires_at > $2
			and `+fmt.Sprintf(liveSID, "authorization_codes")+`
		returning family_id, user_epoch, membership_id, membership_epoch, session_id, sid, scope, nonce, acr, amr, authenticated_at, factor_at, created_at`,
		k.hash, sqldb.Micros(tx.Now()), application, k.redirect, k.challenge).
		Scan(&c.family, &c.userEpoch, &c.membership, &c.membershipEpoch, &g.Session, &g.SID, &scope, &g.Nonce, &g.ACR, &amr, sqldb.Time(&g.AuthenticatedAt), sqldb.Time(&g.FactorAt), sqldb.Time(&c.issuedAt))
	g.Scope, g.AMR = strings.Fields(scope), strings.Fields(amr)
	return c, err
}

// familyOfUsedCode is the family that a code's first redemption made.
func familyOfUsedCode(ctx context.Context, tx *sqldb.Tx, application directory.ApplicationID, hash []byte) (id FamilyID, organization directory.OrganizationID, err error) {
	err = tx.QueryRow(ctx, `select family_id, organization_id from authorization_codes
		where hash = $1 and application_id = $2 and used_at is not null`, hash, application).Scan(&id, &organization)
	return id, organization, err
}
