package directory

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"time"

	"portvakt/internal/sqldb"
)

var provisioningRequestColumns = []string{"id", "organization_id", "client_id", "at", "duration", "request_id", "method", "path", "query", "status", "refused",
	"code", "reason", "object", "changed", "token_id", "address", "user_agent", "shape", "operations", "failed"}

func scanProvisioningRequest(r sqldb.Row) (q ProvisioningRequest, err error) {
	var micros int64
	var changed, failed string
	err = r.Scan(&q.ID, &q.Organization, &q.Client, sqldb.Time(&q.At), &micros, &q.RequestID, &q.Method, &q.Path, &q.Query, &q.Status,
		&q.Code, &q.Reason, &q.Object, &changed, &q.Token, &q.Address, &q.UserAgent, &q.Shape, &q.Operations, &failed)
	if err != nil {
		return q, err
	}
	q.Duration = time.Duration(micros) * time.Microsecond
	return q, errors.Join(json.Unmarshal([]byte(changed), &q.Changed), json.Unmarshal([]byte(failed), &q.Failed))
}

func (s ProvisioningLog) list(ctx context.Context, org OrganizationID, q ProvisioningRequestQuery) ([]ProvisioningRequest, error) {
	args := []any{org}
	arg := func(v any) string {
		args = append(args, v)
		return "$" + strconv.Itoa(len(args))
	}
	text := `select id, organization_id, client_id, at, duration, request_id, method, path, query, status,
		code, reason, object, changed, token_id, address, user_agent, shape, operations, failed from provisioning_requests where organization_id = $1`
	if !q.Client.IsZero() {
		text += ` and client_id = ` + arg(q.Client)
	}
	if q.Object != "" {
		text += ` and object = ` + arg(q.Object)
	}
	if q.Refused {
		text += ` and refused = ` + arg(true)
	}
	if q.Class != 0 {
		text += ` and status >= ` + arg(q.Class*100) + ` and status < ` + arg(q.Class*100+100)
	}
	if q.After != nil {
		text += ` and (at, id) < (` + arg(sqldb.Micros(q.After.At)) + `, ` + arg(q.After.ID) + `)`
	}
	return sqldb.All(ctx, s.q(), scanProvisioningRequest, text+` order by at desc, id desc limit `+arg(q.Limit), args...)
}

// Missed is how many requests of each of the organization's clients came faster than they are written, since ever.
func (s ProvisioningLog) Missed(ctx context.Context, org OrganizationID) (map[ProvisioningClientID]int64, error) {
	type missed struct {
		client ProvisioningClientID
		n      int64
	}
	all, err := sqldb.All(ctx, s.q(), func(r sqldb.Row) (m missed, err error) { return m, r.Scan(&m.client, &m.n) },
		`select client_id, missed from provisioning_request_logs where organization_id = $1 and missed > 0`, org)
	of := make(map[ProvisioningClientID]int64, len(all))
	for _, m := range all {
		of[m.client] = m.n
	}
	return of, err
}

// lockRequestLog has everybody else who writes the client's requests wait, and answers whose the client is.
func lockRequestLog(ctx context.Context, tx *sqldb.Tx, client ProvisioningClientID, missed int64) (org OrganizationID, err error) {
	err = tx.QueryRow(ctx, `insert into provisioning_request_logs (client_id, organization_id, missed)
		select id, organization_id, cast($2 as bigint) from provisioning_clients where id = $1
		on conflict (client_id) do update set missed = provisioning_request_logs.missed + excluded.missed
		returning organization_id`, client, missed).Scan(&org)
	if errors.Is(err, sqldb.ErrNoRows) {
		return org, ErrProvisioningClientNotFound
	}
	return org, err
}

// ownerOfToken is whose token it is or was; the zero client's where it is nobody's.
func ownerOfToken(ctx context.Context, tx *sqldb.Tx, use TokenUse) (id ProvisioningClientID, err error) {
	err = tx.QueryRow(ctx, `select client_id from provisioning_tokens where hash = $1`, use[:]).Scan(&id)
	if errors.Is(err, sqldb.ErrNoRows) {
		return id, nil
	}
	return id, err
}

func insertRequests(ctx context.Context, tx *sqldb.Tx, requests []ProvisioningRequest) error {
	rows := make([][]any, len(requests))
	for i, r := range requests {
		changed, err := json.Marshal(append([]string{}, r.Changed...))
		if err != nil {
			return err
		}
		failed, err := json.Marshal(append([]FailedOperation{}, r.Failed...))
		if err != nil {
			return err
		}
		rows[i] = []any{r.ID, r.Organization, r.Client, sqldb.Micros(r.At), r.Duration.Microseconds(), r.RequestID, r.Method, r.Path, r.Query,
			int64(r.Status), r.Refused(), r.Code, r.Reason, r.Object, string(changed), r.Token, r.Address, r.UserAgent, r.Shape, int64(r.Operations), string(failed)}
	}
	return tx.Load(ctx, "provisioning_requests", provisioningRequestColumns, rows)
}

// trimRequests leaves the newest of each sort.
func trimRequests(tx *sqldb.Tx, org OrganizationID, client ProvisioningClientID) {
	for _, refused := range []bool{false, true} {
		tx.Later(`delete from provisioning_requests where organization_id = $1 and client_id = $2 and refused = $3 and (at, id) <= (
			select at, id from provisioning_requests where organization_id = $1 and client_id = $2 and refused = $3
			order by at desc, id desc limit 1 offset $4)`, org,
			client, refused, ProvisioningRequestsKept)
	}
}

const purgedRequests = 1000

// Purge takes away, in small batches, what is too old, also of clients that call no more. Any number of nodes may call it.
func (s ProvisioningLog) Purge(ctx context.Context) error {
	for {
		n, err := s.db.Exec(ctx, `delete from provisioning_requests where id in (
			select id from provisioning_requests where at < $1 order by at limit $2)`, sqldb.Micros(s.now().Add(-ProvisioningRequestsKeptOf)), purgedRequests)
		if err != nil || n < purgedRequests {
			return err
		}
	}
}
