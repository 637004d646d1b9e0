package saml

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"portvakt/internal/directory"
	"portvakt/internal/fault"
	"portvakt/internal/outgoing"
	"portvakt/internal/secret"
	"portvakt/internal/sqldb"
)

// How often metadata is read anew, whatever it says of itself, and how soon after a failure.
const (
	minRefresh   = time.Hour
	maxRefresh   = 24 * time.Hour
	firstRetry   = time.Minute
	refreshLease = 10 * time.Minute
	refreshBatch = 40
	refreshAtOne = 8 // at the same time
)

// Outside asks addresses that others chose; it is an *outgoing.Client.
type Outside interface {
	Do(req *http.Request) (*outgoing.Response, error)
}

// Refresher reads the metadata of service providers anew where it has an address, and tells their owners of ends that are near.
//
// Invariant: what it reads changes neither owner, entity id nor settings, and what cannot be read or would be refused leaves
// what there is (TestWall056_RefreshedMetadata).
type Refresher struct {
	db      *sqldb.DB
	dir     *directory.Directory
	outside Outside
	log     *slog.Logger
	holder  string
}

// NewRefresher makes a refresher; Tick does its work.
func NewRefresher(db *sqldb.DB, dir *directory.Directory, outside Outside, log *slog.Logger) *Refresher {
	return &Refresher{db: db, dir: dir, outside: outside, log: log, holder: secret.NewToken()}
}

// Tick reads what is due, on one node at a time, and answers how much that was.
func (r *Refresher) Tick(ctx context.Context) (int, error) {
	mine, err := r.db.Lease(ctx, "saml metadata", r.holder, refreshLease)
	if err != nil || !mine {
		return 0, err
	}
	due, err := r.dir.ServiceProviders.Due(ctx, refreshBatch)
	if err != nil {
		return 0, err
	}
	group := errgroup.Group{}
	group.SetLimit(refreshAtOne)
	for i := range due {
		group.Go(func() error { return r.refresh(ctx, &due[i]) })
	}
	return len(due), errors.Join(group.Wait(), r.warn(ctx))
}

// refresh reads one. That it cannot be read is the owner's affair and no error of ours.
func (r *Refresher) refresh(ctx context.Context, p *directory.ServiceProvider) error {
	m, failure := r.fetch(ctx, p)
	if ctx.Err() != nil {
		return nil
	}
	if failure == nil {
		failure = r.store(ctx, p, m)
	}
	if failure == nil || fault.Is(failure, fault.NotFound) { // removed meanwhile
		return nil
	}
	if fault.Of(failure).Kind == fault.Internal && !errors.As(failure, new(*unread)) {
		return failure
	}
	r.log.WarnContext(ctx, "saml: metadata could not be read", "application", p.ID().String(), "failures", p.Refresh.Failures+1, "error", failure)
	return r.note(ctx, p, failure)
}

// unread is why there was no document.
type unread struct {
	error
	status int // what the address answered; 0: nothing
}

// Unwrap is what happened.
func (u *unread) Unwrap() error { return u.error }

func (r *Refresher) fetch(ctx context.Context, p *directory.ServiceProvider) (m directory.SAMLMetadata, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.Refresh.URL, nil)
	if err != nil {
		return m, &unread{error: err}
	}
	req.Header.Set("Accept", "application/samlmetadata+xml, application/xml;q=0.9, text/xml;q=0.8")
	res, err := r.outside.Do(req)
	if err != nil {
		return m, &unread{error: err}
	}
	if res.Status != http.StatusOK {
		return m, &unread{fmt.Errorf("the address answered %d", res.Status), res.Status}
	}
	_, m, err = ReadMetadata(res.Body, Reading{Now: r.db.Now(), EntityID: p.EntityID, SignedBy: p.Refresh.SignedBy})
	return m, err
}

// errMoved ends an edit that is not ours to make any more.
var errMoved = errors.New("saml: the address, or who must sign there, was changed meanwhile")

// asked reports whether the registration still asks for what was read by p: the address, and who must have signed.
//
// Invariant: a document that was read without a signature is not stored once one is demanded (TestWall056_WhoMustSignIsAskedAgain).
func asked(is, p *directory.ServiceProvider) bool {
	return is.Refresh.URL == p.Refresh.URL && bytes.Equal(is.Refresh.SignedBy, p.Refresh.SignedBy)
}

func (r *Refresher) store(ctx context.Context, p *directory.ServiceProvider, m directory.SAMLMetadata) error {
	_, err := r.dir.ServiceProviders.Change(ctx, p.Owner(), p.ID(), func(is *directory.ServiceProvider) error {
		if !asked(is, p) {
			return errMoved
		}
		now := r.db.Now()
		is.Metadata = m
		is.Refresh.FetchedAt, is.Refresh.NextAt, is.Refresh.Failure, is.Refresh.Failures = now, now.Add(untilNext(&m, now)), "", 0
		return nil
	})
	if errors.Is(err, errMoved) {
		return nil
	}
	return err
}

// note keeps that it went wrong; the next attempt comes the later, the more often it did.
func (r *Refresher) note(ctx context.Context, p *directory.ServiceProvider, failure error) error {
	_, err := r.dir.ServiceProviders.Change(ctx, p.Owner(), p.ID(), func(is *directory.ServiceProvider) error {
		if !asked(is, p) {
			return errMoved
		}
		is.Refresh.Failures++
		is.Refresh.Failure = said(failure)
		is.Refresh.NextAt = r.db.Now().Add(retryAfter(is.Refresh.Failures))
		return nil
	})
	if errors.Is(err, errMoved) || fault.Is(err, fault.NotFound) {
		return nil
	}
	return err
}

// said is a failure as the owner may read it: what is wrong with the document, and of the address no more than that.
func said(failure error) string {
	none := &unread{}
	switch f := fault.Of(failure); {
	case errors.As(failure, &none) && none.status != 0:
		return none.Error()
	case errors.Is(failure, outgoing.ErrRefused):
		return "the address is not allowed"
	case errors.Is(failure, outgoing.ErrTooLarge):
		return "the document is too large"
	case f.Kind != fault.Internal:
		return f.Text
	}
	return "the address did not answer with a document"
}

// untilNext is half of the time that the metadata holds, or as long as it says that it may be kept.
func untilNext(m *directory.SAMLMetadata, now time.Time) time.Duration {
	d := maxRefresh
	if m.CacheSeconds > 0 && m.CacheSeconds < int64(maxRefresh/time.Second) {
		d = time.Duration(m.CacheSeconds) * time.Second
	}
	if !m.ValidUntil.IsZero() {
		d = min(d, m.ValidUntil.Sub(now)/2)
	}
	return max(d, minRefresh)
}

func retryAfter(failures int64) time.Duration {
	d := firstRetry
	for range failures - 1 {
		if d *= 2; d >= maxRefresh {
			return maxRefresh
		}
	}
	return d
}

// warn tells owners of ends that are near, each once.
func (r *Refresher) warn(ctx context.Context) error {
	ending, err := r.dir.ServiceProviders.Ending(ctx, r.db.Now().Add(directory.ServiceProviderNotice), refreshBatch)
	for i := range ending {
		if err != nil {
			return err
		}
		var told bool
		if told, err = r.dir.ServiceProviders.Warn(ctx, ending[i]); told {
			r.log.WarnContext(ctx, "saml: metadata or a certificate of a service provider ends", "application", ending[i].ID().String(),
				"entity_id", ending[i].EntityID, "ends", ending[i].End())
		}
	}
	return err
}
