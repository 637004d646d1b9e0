package directory

import (
	"cmp"
	"context"
	"errors"
	"reflect"
	"slices"
	"time"

	"portvakt/internal/sqldb"
)

type provisioningRequestPrefix struct{}

func (provisioningRequestPrefix) Prefix() string { return "pvr" }

// ProvisioningRequestID names one request of a provisioning client.
type ProvisioningRequestID = sqldb.ID[provisioningRequestPrefix]

// ProvisioningRequest is what is kept of a request that a provisioning client has made, for whoever administers the organization:
// what was asked, what came of it, and why it was refused. Names, identifiers, types and lengths, never a value that was sent:
// the door has taken those out.
type ProvisioningRequest struct {
	ID           ProvisioningRequestID
	Organization OrganizationID
	Client       ProvisioningClientID
	At           time.Time
	Duration     time.Duration
	RequestID    string // as in the history and in the access log
	Method       string
	Path         string // behind the organization's slug
	Query        string // its shape
	Status       int    // as answered
	Code         string // why, in a word
	Reason       string // why, in a sentence
	Object       string // identifier of the member or group that it was about; "" for none, or many
	Changed      []string
	Token        ProvisioningTokenID // zero where it came with none of ours
	Address      string
	UserAgent    string
	Shape        string // of a refused body
	Operations   int    // of a bulk request
	Failed       []FailedOperation
}

// Refused reports whether the answer was an error, or that of an operation in it.
func (r *ProvisioningRequest) Refused() bool { return r.Status >= 400 || len(r.Failed) > 0 }

// FailedOperation is an operation of a bulk request that was refused.
type FailedOperation struct {
	Number int    `json:"number"` // the first is 1
	Method string `json:"method"`
	Path   string `json:"path"`
	Status int    `json:"status"`
	Code   string `json:"code,omitempty"`
	Reason string `json:"reason"`
}

// NewProvisioningRequest is a request to be kept; its organization is the client's. One that no client was let in with is kept
// by whose token it once was.
type NewProvisioningRequest struct {
	ProvisioningRequest
	Use TokenUse // what it came with
}

// How much is kept. What was refused and what was not have room of their own: a flood of the one hides nothing of the other.
const (
	ProvisioningRequestsKept   = 500 // of each client and sort
	ProvisioningRequestsKeptOf = 30 * 24 * time.Hour
)

// ProvisioningLog are the requests that provisioning clients have made lately.
type ProvisioningLog struct{ store }

// ProvisioningRequestPlace is a place in the list: the last one of a page.
type ProvisioningRequestPlace struct {
	At time.Time
	ID ProvisioningRequestID
}

// ProvisioningRequestQuery says which requests to list, the newest first.
type ProvisioningRequestQuery struct {
	Client  ProvisioningClientID // zero: all of the organization's
	Object  string               // identifier of a member or group; "": all
	Class   int                  // the status's first digit; 0: all
	Refused bool                 // those alone, whatever the class
	After   *ProvisioningRequestPlace
	Limit   int // 0: 100; at most 1000
}

// List are requests of the organization's clients, the newest first. Whoever calls decides who may see them.
//
// Invariant: an organization reads its own alone, whatever the query names (TestWall125_TheRequestLogOfTheNeighbour).
func (s ProvisioningLog) List(ctx context.Context, org OrganizationID, q ProvisioningRequestQuery) ([]ProvisioningRequest, error) {
	if q.Limit <= 0 {
		q.Limit = 100
	}
	q.Limit = min(q.Limit, 1000)
	return s.list(ctx, org, q)
}

// Keep writes requests and takes away, in the same transaction, what is too much of the clients concerned. missed says of how many
// requests of a client nothing is known but that they were. It is nobody's change, so nobody hears of it.
//
// Invariant: no client has more than twice ProvisioningRequestsKept rows at any moment, however many nodes write
// (TestWall139_TheRequestLogStaysBounded, TestWall139_WritersOfOneRequestLogWait).
func (s ProvisioningLog) Keep(ctx context.Context, requests []NewProvisioningRequest, missed map[ProvisioningClientID]int64) error {
	return s.update(ctx, func(tx *sqldb.Tx) error {
		of, err := attribute(ctx, tx, requests)
		if err != nil {
			return err
		}
		for client, n := range missed {
			l := of[client]
			l.missed += n
			of[client] = l
		}
		clients := make([]ProvisioningClientID, 0, len(of))
		for client := range of {
			clients = append(clients, client)
		}
		slices.SortFunc(clients, func(a, b ProvisioningClientID) int { return slices.Compare(a[:], b[:]) }) // one order: no deadlock
		var rows []ProvisioningRequest
		whose := map[ProvisioningClientID]OrganizationID{}
		for _, client := range clients {
			l := of[client]
			org, err := lockRequestLog(ctx, tx, client, l.missed)
			if errors.Is(err, ErrProvisioningClientNotFound) { // removed meanwhile
				continue
			}
			if err != nil {
				return err
			}
			whose[client] = org
			for _, r := range l.newest() {
				r.Organization = org
				rows = append(rows, r)
			}
		}
		if err := insertRequests(ctx, tx, rows); err != nil {
			return err
		}
		for client, org := range whose {
			trimRequests(tx, org, client)
		}
		return nil
	})
}

// clientRequests are those of one client that wait to be written.
type clientRequests struct {
	requests []ProvisioningRequest
	missed   int64
}

// newest are as many as are kept at all.
func (l clientRequests) newest() (out []ProvisioningRequest) {
	slices.SortFunc(l.requests, func(a, b ProvisioningRequest) int {
		return cmp.Or(b.At.Compare(a.At), slices.Compare(b.ID[:], a.ID[:]))
	})
	room := map[bool]int{true: ProvisioningRequestsKept, false: ProvisioningRequestsKept}
	for _, r := range l.requests {
		if room[r.Refused()]--; room[r.Refused()] >= 0 {
			out = append(out, r)
		}
	}
	return out
}

// attribute gives each request to its client. A token that was let in nowhere may have been a client's: it has ended, or the
// client is switched off. What nobody here has ever had as a token is nobody's and is forgotten.
func attribute(ctx context.Context, tx *sqldb.Tx, requests []NewProvisioningRequest) (map[ProvisioningClientID]clientRequests, error) {
	of := map[ProvisioningClientID]clientRequests{}
	owners := map[TokenUse]ProvisioningClientID{}
	for _, n := range requests {
		r := n.ProvisioningRequest
		if n.Use != (TokenUse{}) {
			r.Token = tokenID(n.Use[:])
		}
		if r.Client.IsZero() {
			owner, known := owners[n.Use]
			if !known && n.Use != (TokenUse{}) {
				var err error
				if owner, err = ownerOfToken(ctx, tx, n.Use); err != nil {
					return nil, err
				}
				owners[n.Use] = owner
			}
			r.Client = owner
		}
		if r.Client.IsZero() {
			continue
		}
		r.ID = sqldb.NewID[provisioningRequestPrefix](r.At)
		l := of[r.Client]
		l.requests = append(l.requests, r)
		of[r.Client] = l
	}
	return of, nil
}

// ChangedFields names what is not the same in two states of a member, as the history does.
func ChangedFields(was, is *Member) []string {
	var names []string
	for _, f := range memberOpen {
		if !reflect.DeepEqual(f.of(was), f.of(is)) {
			names = append(names, f.name)
		}
	}
	for _, c := range personalChanges(was, is) {
		names = append(names, c.Field)
	}
	return names
}
