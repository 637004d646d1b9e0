package directory

import (
	"context"
	"errors"
	"slices"
	"time"

	"portvakt/internal/sqldb"
)

const transferColumns = `t.id, t.organization_id, o.slug, t.from_id, f.user_id, t.to_id, s.user_id, t.created_at, t.done_at, t.withdrawn_at,
	s.end_at, s.ended_at, s.deleted_at`

const transferFrom = ` from transfers t join organizations o on o.id = t.organization_id
	join memberships f on f.id = t.from_id join memberships s on s.id = t.to_id`

// served holds where the application $1 takes part in the transfer t and serves its organization at present.
const served = ` exists (select 1 from applications a where a.id = $1 and a.disabled_at is null and (a.all_organizations = true
		or exists (select 1 from application_organizations x where x.application_id = a.id and x.organization_id = t.organization_id)))
	and o.state <> 'suspended'`

func scanTransfer(now time.Time) func(sqldb.Row) (Transfer, error) {
	return func(r sqldb.Row) (t Transfer, err error) {
		var end, ended, deleted time.Time
		err = r.Scan(&t.ID, &t.Organization, &t.Slug, &t.From, &t.FromUser, &t.To, &t.ToUser, sqldb.Time(&t.CreatedAt),
			sqldb.Time(&t.DoneAt), sqldb.Time(&t.WithdrawnAt), sqldb.Time(&end), sqldb.Time(&ended), sqldb.Time(&deleted))
		if errors.Is(err, sqldb.ErrNoRows) {
			return t, ErrTransferNotFound
		}
		gone := facts{accepted: t.CreatedAt, end: end, ended: ended, deleted: deleted}.over(now)
		t.SuccessorGone = gone && t.DoneAt.IsZero() && t.WithdrawnAt.IsZero()
		return t, err
	}
}

// oneTransfer reads a transfer with its parts: all, or those of one application.
func oneTransfer(ctx context.Context, q sqldb.Queryer, of ApplicationID, where string, args ...any) (Transfer, error) {
	t, err := scanTransfer(q.Now())(q.QueryRow(ctx, `select `+transferColumns+transferFrom+where, args...))
	if err != nil {
		return t, err
	}
	list := []Transfer{t}
	err = loadParts(ctx, q, list, of)
	return list[0], err
}

func transferByID(ctx context.Context, q sqldb.Queryer, org OrganizationID, id TransferID) (Transfer, error) {
	return oneTransfer(ctx, q, ApplicationID{}, ` where t.organization_id = $1 and t.id = $2`, org, id)
}

func transferOfApplication(ctx context.Context, q sqldb.Queryer, application ApplicationID, id TransferID) (Transfer, error) {
	return oneTransfer(ctx, q, application, ` where t.id = $2
		and exists (select 1 from transfer_parts p where p.transfer_id = t.id and p.application_id = $1) and`+served, application, id)
}

// openTransfer is the member's transfer that is neither done nor withdrawn, locked, so that nobody acknowledges anything of
// it while the caller decides what becomes of it; there is one at most.
func openTransfer(ctx context.Context, tx *sqldb.Tx, m *Member) (Transfer, bool, error) {
	if _, err := tx.Exec(ctx, `update transfers set created_at = created_at
		where organization_id = $1 and from_id = $2 and done_at is null and withdrawn_at is null`, m.Organization, m.ID); err != nil {
		return Transfer{}, false, err
	}
	t, err := oneTransfer(ctx, tx, ApplicationID{},
		` where t.organization_id = $1 and t.from_id = $2 and t.done_at is null and t.withdrawn_at is null`, m.Organization, m.ID)
	if errors.Is(err, ErrTransferNotFound) {
		return Transfer{}, false, nil
	}
	return t, err == nil, err
}

func latestTransfer(ctx context.Context, tx *sqldb.Tx, m *Member) (Transfer, error) {
	return oneTransfer(ctx, tx, ApplicationID{}, ` where t.organization_id = $1 and t.from_id = $2 and t.withdrawn_at is null
		order by case when t.done_at is null then 0 else 1 end, t.id desc limit 1`, m.Organization, m.ID)
}

func transfersOf(ctx context.Context, q sqldb.Queryer, org OrganizationID, before TransferID) ([]Transfer, error) {
	if before.IsZero() {
		for i := range before {
			before[i] = 0xff
		}
	}
	return sqldb.All(ctx, q, scanTransfer(q.Now()), `select `+transferColumns+transferFrom+`
		where t.organization_id = $1 and t.id < $2 order by t.id desc limit $3`, org, before, handoverPage)
}

const waitingTransfersText = `select ` + transferColumns + transferFrom + `
	where t.done_at is null and t.withdrawn_at is null and t.id > $2 and t.id in
		(select p.transfer_id from transfer_parts p where p.application_id = $1 and p.acknowledged_at is null) and` + served

// waiting is which transfers an application asks for.
type waiting struct {
	application ApplicationID
	org         OrganizationID // zero: of every one
	after       TransferID
	limit       int
}

func waitingTransfers(ctx context.Context, q sqldb.Queryer, w waiting) ([]Transfer, error) {
	if w.after.IsZero() {
		w.after[15] = 1 // the zero identifier is NULL, which nothing comes after
	}
	if w.org.IsZero() {
		return sqldb.All(ctx, q, scanTransfer(q.Now()), waitingTransfersText+` order by t.id limit $3`, w.application, w.after, w.limit)
	}
	return sqldb.All(ctx, q, scanTransfer(q.Now()), waitingTransfersText+` and t.organization_id = $3 order by t.id limit $4`,
		w.application, w.after, w.org, w.limit)
}

// loadParts reads the parts of all transfers in one statement; of one application, or of all where it is zero.
func loadParts(ctx context.Context, q sqldb.Queryer, list []Transfer, of ApplicationID) error {
	if len(list) == 0 {
		return nil
	}
	at := make(map[TransferID]*Transfer, len(list))
	args := make([]any, len(list))
	for i := range list {
		at[list[i].ID], args[i] = &list[i], list[i].ID
	}
	text := `select p.transfer_id, p.application_id, a.client_id, a.name, p.module_key, p.acknowledged_at, coalesce(p.moved, -1)
		from transfer_parts p join applications a on a.id = p.application_id where p.transfer_id in (` + placeholders(1, len(list)) + `)`
	if !of.IsZero() {
		text += ` and p.application_id = ` + placeholders(len(list)+1, 1)
		args = append(args, of)
	}
	_, err := sqldb.All(ctx, q, func(r sqldb.Row) (struct{}, error) {
		var id TransferID
		var p TransferPart
		err := r.Scan(&id, &p.Application, &p.ClientID, &p.ApplicationName, &p.Module, sqldb.Time(&p.AcknowledgedAt), &p.Moved)
		if t := at[id]; err == nil && t != nil {
			t.Parts = append(t.Parts, p)
		}
		return struct{}{}, err
	}, text+` order by a.client_id, p.module_key`, args...)
	return err
}

func insertTransfer(tx *sqldb.Tx, t Transfer) {
	tx.Later(`insert into transfers (id, organization_id, from_id, to_id, created_at) values ($1, $2, $3, $4, $5)`,
		t.ID, t.Organization, t.From, t.To, sqldb.Micros(tx.Now()))
}

// insertParts gives each application that keeps records its parts.
func insertParts(tx *sqldb.Tx, t Transfer, applications []Application) {
	for _, a := range applications {
		if !a.takesPart() {
			continue
		}
		modules := sorted(a.Metadata.Modules)
		if len(modules) == 0 {
			modules = []string{""}
		}
		for _, module := range modules {
			tx.Later(`insert into transfer_parts (transfer_id, organization_id, application_id, module_key) values ($1, $2, $3, $4)`,
				t.ID, t.Organization, a.ID, module)
		}
	}
}

func moveWaitingParts(tx *sqldb.Tx, from, to TransferID) {
	tx.Later(`update transfer_parts set transfer_id = $2 where transfer_id = $1 and acknowledged_at is null`, from, to)
}

func finishTransfer(tx *sqldb.Tx, id TransferID) {
	tx.Later(`update transfers set done_at = $2 where id = $1 and done_at is null`, id, sqldb.Micros(tx.Now()))
}

const withdrawTransferText = `update transfers set withdrawn_at = $2 where id = $1 and done_at is null and withdrawn_at is null`

// lockTransfer makes the transaction the only one that acknowledges the transfer, so that one of two last ones sees the other.
func lockTransfer(ctx context.Context, tx *sqldb.Tx, id TransferID) error {
	_, err := tx.Exec(ctx, `update transfers set created_at = created_at where id = $1`, id)
	return err
}

// acknowledgePart is false where the part waits no longer, or waits for another successor than the one that t names.
func acknowledgePart(ctx context.Context, tx *sqldb.Tx, t *Transfer, module string, moved int64) (bool, error) {
	var count any
	if moved != MovedUnknown {
		count = moved
	}
	n, err := tx.Exec(ctx, `update transfer_parts set acknowledged_at = $4, moved = $5
		where transfer_id = $1 and application_id = $2 and module_key = $3 and acknowledged_at is null
			and exists (select 1 from transfers t where t.id = $1 and t.to_id = $6 and t.withdrawn_at is null)`,
		t.ID, t.Parts[0].Application, module, sqldb.Micros(tx.Now()), count, t.To)
	return n == 1, err
}

// claimCompleted closes a transfer of which no part is waiting; it is true for exactly one caller.
func claimCompleted(ctx context.Context, tx *sqldb.Tx, id TransferID) (bool, error) {
	n, err := tx.Exec(ctx, `update transfers set done_at = $2 where id = $1 and done_at is null and withdrawn_at is null
		and not exists (select 1 from transfer_parts p where p.transfer_id = $1 and p.acknowledged_at is null)`, id, sqldb.Micros(tx.Now()))
	return n == 1, err
}

func userOf(ctx context.Context, q sqldb.Queryer, org OrganizationID, id MembershipID) (user UserID, err error) {
	err = q.QueryRow(ctx, `select user_id from memberships where organization_id = $1 and id = $2`, org, id).Scan(&user)
	return user, err
}

// Serving are the OIDC clients that serve the organization and are not disabled, without their secrets. A service provider
// holds no records of ours and hears no events.
func (s Applications) Serving(ctx context.Context, org OrganizationID) ([]Application, error) {
	list, err := sqldb.All(ctx, s.q(), scanApplication, `select `+applicationColumns+` from applications a
		where a.kind = 'oidc' and a.disabled_at is null and (a.all_organizations = true
			or exists (select 1 from application_organizations x where x.application_id = a.id and x.organization_id = $1))
		order by a.client_id`, org)
	return slices.Clip(list), err
}
