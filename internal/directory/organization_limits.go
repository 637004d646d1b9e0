package directory

import (
	"fmt"
	"time"

	"portvakt/internal/fault"
)

// KeyPolicy says which passkeys and security keys count for an organization.
type KeyPolicy string

// The policies of keys.
const (
	KeysAny      KeyPolicy = "any"
	KeysAttested KeyPolicy = "attested" // those of which their maker vouches, by the metadata that the operator has given
)

// The shortest limits that an organization may set. Use is noted once a minute, and nobody works in sessions of seconds.
const (
	MinSessionLimit = 5 * time.Minute
	MaxSessionLimit = 366 * 24 * time.Hour
)

// Installation is what the installation allows its organizations to set. The zero value knows of no limits of its own, and
// of no makers of keys.
type Installation struct {
	Idle     time.Duration // of sessions
	Session  time.Duration
	Attested bool // there is metadata by which attestations of keys are verified
	Local    bool // service providers may have http addresses of this machine, for development
}

// In is the same directory where the installation's limits hold for whatever organizations set.
func (d *Directory) In(i Installation) *Directory { return build(store{db: d.db, allows: i}) }

// Faults of what organizations set for the sign-in of their members.
var (
	ErrSessionIdle  = fault.New(fault.Invalid, "bad_session_idle", "An organization's session_idle is between 5 minutes and the installation's").On("session_idle")
	ErrSessionLimit = fault.New(fault.Invalid, "bad_session_limit", "An organization's session_limit is between 5 minutes and the installation's").On("session_limit")
	ErrKeyPolicy    = fault.New(fault.Invalid, "bad_key_policy", "The key policy is any or attested").On("key_policy")
	ErrNoMetadata   = fault.New(fault.Invalid, "no_key_metadata", "The installation has no metadata of the makers of keys (passkeys.metadata), by which attested keys are told from others").On("key_policy")
)

func (o *Organization) checkLimits() error {
	switch {
	case !limitFits(o.IdleLimit):
		return ErrSessionIdle
	case !limitFits(o.SessionLimit):
		return ErrSessionLimit
	case o.KeyPolicy != KeysAny && o.KeyPolicy != KeysAttested:
		return ErrKeyPolicy
	}
	return nil
}

func limitFits(d time.Duration) bool {
	return d == 0 || d >= MinSessionLimit && d <= MaxSessionLimit && d%time.Second == 0
}

// judge refuses what the installation does not allow. What stood there before the installation became stricter stays: the
// stricter limit holds by itself.
//
// Invariant: an organization shortens sessions and lengthens none (TestLimitsOfOrganizations).
func (i Installation) judge(was, o *Organization) error {
	switch {
	case o.IdleLimit != was.IdleLimit && i.Idle > 0 && o.IdleLimit > i.Idle:
		return ErrSessionIdle
	case o.SessionLimit != was.SessionLimit && i.Session > 0 && o.SessionLimit > i.Session:
		return ErrSessionLimit
	case o.KeyPolicy != was.KeyPolicy && o.KeyPolicy == KeysAttested && !i.Attested:
		return ErrNoMetadata
	}
	return nil
}

// seconds is a limit as it is stored.
func seconds(d time.Duration) any {
	if d == 0 {
		return nil
	}
	return int64(d / time.Second)
}

// inSeconds is a stored limit as a duration.
type inSeconds time.Duration

// Scan reads a number of seconds.
func (d *inSeconds) Scan(src any) error {
	n, ok := src.(int64)
	if !ok {
		return fmt.Errorf("directory: a limit is stored as %T", src)
	}
	*d = inSeconds(time.Duration(n) * time.Second)
	return nil
}

// limitText is a limit as the history and the seed file write it; "" for the installation's.
func limitText(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return d.String()
}
