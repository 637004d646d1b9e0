package directory

import (
	"context"

	"portvakt/internal/sqldb"
)

// readyModules and readyPackages are what an installation begins with (R23): an accountant sees invoices and payments and
// nothing else, a receptionist works with calendar and bookings.
var (
	readyModules = []Module{
		{Key: "invoices", Names: map[string]string{"en": "Invoices", "nb": "Fakturaer", "sv": "Fakturor", "de": "Rechnungen"}},
		{Key: "payments", Names: map[string]string{"en": "Payments", "nb": "Betalinger", "sv": "Betalningar", "de": "Zahlungen"}},
		{Key: "calendar", Names: map[string]string{"en": "Calendar", "nb": "Kalender", "sv": "Kalender", "de": "Kalender"}},
		{Key: "booking", Names: map[string]string{"en": "Bookings", "nb": "Bestillinger", "sv": "Bokningar", "de": "Buchungen"}},
	}
	readyPackages = []Package{
		{Key: "accountant", Base: true, Grants: map[string]Grade{"invoices": GradeView, "payments": GradeView},
			Names: map[string]string{"en": "Accountant", "nb": "Regnskapsfører", "sv": "Redovisningskonsult", "de": "Steuerberatung"}},
		{Key: "receptionist", Base: true, Grants: map[string]Grade{"calendar": GradeEdit, "booking": GradeEdit},
			Names: map[string]string{"en": "Receptionist", "nb": "Resepsjonist", "sv": "Receptionist", "de": "Empfang"}},
	}
)

// MakeReady gives an installation that has no modules and no packages yet those that it begins with. Where its own file
// has declared any, it changes nothing, so the two never fight.
func (s Access) MakeReady(ctx context.Context) error {
	return s.update(ctx, func(tx *sqldb.Tx) error {
		in := s.in(tx)
		modules, err := in.Modules(ctx)
		if err != nil || len(modules) > 0 {
			return err
		}
		packages, err := in.Packages(ctx)
		if err != nil || len(packages) > 0 {
			return err
		}
		if _, err := in.SaveModules(ctx, readyModules); err != nil {
			return err
		}
		_, err = in.SavePackages(ctx, readyPackages)
		return err
	})
}
