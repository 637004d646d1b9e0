package credential

import (
	"context"
	"errors"
	"time"

	"portvakt/internal/audit"
	"portvakt/internal/directory"
	"portvakt/internal/secret"
	"portvakt/internal/sqldb"
)

type devicePrefix struct{}

func (devicePrefix) Prefix() string { return "dev" }

// DeviceID identifies a trusted browser.
type DeviceID = sqldb.ID[devicePrefix]

// ParseDeviceID reads a trusted browser's outside identifier.
func ParseDeviceID(s string) (DeviceID, error) { return sqldb.ParseID[devicePrefix](s) }

// Device is a browser in which the second factor was shown, and which the person trusts for some days.
type Device struct {
	ID        DeviceID
	UserAgent string
	Address   string
	ProvenAt  time.Time // when the second factor was shown
	SeenAt    time.Time
}

var errNotProven = errors.New("credential: only a browser in which the second factor was shown can be trusted")

// Trust remembers that both factors were shown in a browser. It answers the value of the browser's cookie, which only that
// browser has; the store keeps its hash.
//
// Invariant: only a second factor that was shown in this very sign-in makes a browser trusted; neither a trusted browser nor
// a recovery code does (TestADeviceStepsNothingUp).
func (c *Credentials) Trust(ctx context.Context, e Evidence, userAgent, address string) (string, error) {
	if !e.First() || !e.Code && !e.Key {
		return "", errNotProven
	}
	token := secret.NewToken()
	err := c.db.Update(ctx, func(tx *sqldb.Tx) error {
		d := Device{ID: sqldb.NewID[devicePrefix](tx.Now()), UserAgent: userAgent, Address: address, ProvenAt: e.At}
		made, err := insertDevice(ctx, tx, e, d, secret.HashToken(token))
		if err != nil || !made {
			return err
		}
		return audit.Append(ctx, tx, directory.OrganizationID{}, audit.Entry{Action: "trusted_device.made", Object: d.ID.String(), Person: e.User.String(),
			Detail: map[string]any{"user": e.User.String()}})
	})
	return token, err
}

// Trusted is the evidence of a browser's cookie beside a password that was just shown: when the second factor was shown
// there. Nothing of it where that is as long ago as age, or the cookie is another person's or of another epoch.
func (c *Credentials) Trusted(ctx context.Context, e Evidence, token string, age time.Duration) (Evidence, error) {
	if !e.Password || age <= 0 {
		return Evidence{}, nil
	}
	var at time.Time
	err := c.db.Update(ctx, func(tx *sqldb.Tx) (err error) {
		at, err = useDevice(ctx, tx, e, secret.HashToken(token))
		return err
	})
	if err != nil || at.IsZero() || !c.db.Now().Before(at.Add(age)) {
		return Evidence{}, err
	}
	return Evidence{User: e.User, Epoch: e.Epoch, Device: true, FactorAt: at}, nil
}

// EndDevice asks for the second factor in a browser again.
func (c *Credentials) EndDevice(ctx context.Context, user directory.UserID, id DeviceID) error {
	return c.db.Update(ctx, func(tx *sqldb.Tx) error {
		ended, err := endDevice(ctx, tx, user, id)
		if err != nil || !ended {
			return err
		}
		return audit.Append(ctx, tx, directory.OrganizationID{}, audit.Entry{Action: "trusted_device.ended", Object: id.String(), Person: user.String(),
			Detail: map[string]any{"user": user.String()}})
	})
}
