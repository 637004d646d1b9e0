package saml

import (
	"context"
	"slices"

	"portvakt/idp/session"
	"portvakt/internal/sqldb"
)

// departure is a service provider's request to sign out being done.
type departure struct {
	*leaving
	entity   entity
	provider *Provider
	session  session.ID // the browser's; zero: it has none, or there is no browser
	browser  string     // the value of its cookie; "": there is none

	taken   bool // the request counts; it is no repetition
	unknown bool // nobody here is known to the service provider by the name
	ended   []session.ID
	round   round
}

// end ends the sessions that the request names: those of the indexes, or all of the person at the service provider where it
// names none (core §3.7.3). One whose end is known already is ended as well.
//
// Invariant: a service provider ends, and learns of, only what it was told of itself by the very name
// (TestASignOutTellsNothing).
func (h *Handler) end(ctx context.Context, d *departure) error {
	ctx = asProvider(ctx, d.provider)
	return h.DB.Update(ctx, func(tx *sqldb.Tx) error {
		d.unknown, d.ended, d.round = false, nil, round{}
		var err error
		if d.taken, err = takeRequestIn(ctx, tx, d.Application, d.ID); err != nil || !d.taken {
			return err
		}
		all, err := seatsOf(ctx, tx, d.Application, d.Name.Value)
		if err != nil {
			return err
		}
		under, err := h.underWay(ctx, tx, d)
		if err != nil {
			return err
		}
		mine := d.matching(all, under.ID)
		if len(mine) == 0 {
			d.unknown = true
			return nil
		}
		return h.endThem(ctx, tx, d, mine, under)
	})
}

// underWay is the sign-out that takes the browser around already; the zero one where there is none.
func (h *Handler) underWay(ctx context.Context, tx *sqldb.Tx, d *departure) (round, error) {
	if d.browser == "" {
		return round{}, nil
	}
	under, _, err := roundOf(ctx, tx, tx.Now(), roundID{}, d.browser)
	return under, err
}

// matching are the seats that the request means. Without a signature it means the browser's own session alone, and must name
// the index of it: a name may be an address that others know, and nobody signs people out by a link.
func (d *departure) matching(all []seat, under roundID) []seat {
	var out []seat
	for _, s := range all {
		switch {
		case !d.named(), len(d.Indexes) > 0 && !slices.Contains(d.Indexes, s.Index):
		case !d.Signed && (len(d.Indexes) == 0 || (s.session != d.session || d.session.IsZero()) && (s.Round != under || under.IsZero())):
		default:
			out = append(out, s)
		}
	}
	return out
}

// named reports whether the name has the qualifiers that we gave it. Its format is passed over: the value alone was given to
// this service provider and means one person there, and several libraries send it back under another format.
func (d *departure) named() bool {
	n := d.Name
	return (n.NameQualifier == "" || n.NameQualifier == d.entity.id()) && (n.SPNameQualifier == "" || n.SPNameQualifier == d.provider.EntityID)
}

// endThem ends the sessions of the seats, then notes who must be visited and who is answered last. A sign-out that is under
// way in the browser goes on: whoever asks again, or asks elsewhere, is answered last instead; but whom the browser was sent
// to and who asks itself, instead of answering, has answered.
func (h *Handler) endThem(ctx context.Context, tx *sqldb.Tx, d *departure, mine []seat, under round) error {
	joins, crossing := false, false
	for _, s := range mine {
		if !s.over && !slices.Contains(d.ended, s.session) {
			d.ended = append(d.ended, s.session)
			if err := h.Sessions.EndIn(ctx, tx, s.user, s.session); err != nil {
				return err
			}
		}
		if !under.ID.IsZero() && s.Round == under.ID {
			joins, crossing = true, crossing || s.Visits > 0 && s.Ended.IsZero() && under.Application != d.Application
		}
	}
	d.round = round{ID: sqldb.NewID[roundPrefix](tx.Now()), Application: d.Application, Answer: d.last(), browser: d.browser}
	if joins {
		d.round.ID = under.ID
	}
	if d.browser != "" {
		for _, id := range d.ended {
			if _, err := joinRound(ctx, tx, d.round.ID, id); err != nil {
				return err
			}
		}
	}
	for _, s := range mine {
		leave(tx, d.Application, s.session)
	}
	switch {
	case d.browser == "":
		return nil
	case crossing:
		d.round = under
		return nil
	case joins:
		return d.round.replace(ctx, tx)
	}
	return d.round.insert(ctx, tx)
}
