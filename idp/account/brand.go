package account

import (
	"context"
	"time"

	"portvakt/idp/interaction"
	"portvakt/internal/directory"
	"portvakt/internal/web"
)

// brandOf is how the pages of a person's account look: as the only organization that lets the person in, else as the
// installation.
func (a *Account) brandOf(user directory.UserID) func(context.Context) web.Brand {
	return func(ctx context.Context) web.Brand {
		standings, err := a.dir.Memberships.StandingsOf(ctx, user)
		if err != nil { // the page is worth more than its colours
			a.log.ErrorContext(ctx, "brand cannot be read", "error", err)
			return web.Brand{}
		}
		if of := a.interactions.BrandOf(interaction.Sole(standings, a.db.Now())); of != nil {
			return of(ctx)
		}
		return web.Brand{}
	}
}

// brand is the slug of the organization whose invitation the link accepts, or else of the only one of whoever has had the
// mail.
func (o *opened) brand(now time.Time) string {
	for i := range o.standings {
		if !o.membership.IsZero() && o.standings[i].Membership == o.membership {
			return o.standings[i].Slug
		}
	}
	if !o.membership.IsZero() {
		return ""
	}
	return interaction.Sole(o.standings, now)
}
