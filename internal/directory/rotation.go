package directory

import (
	"time"

	"portvakt/internal/sqldb"
)

// What a machine proves itself with is replaced in the same way everywhere: a new secret beside the former one, which goes
// on for an overlap, so that the other side can be told in peace.

// maxSecrets are in force at the same time: the old one and the new one of a rotation.
const maxSecrets = 2

// maxOverlap is the longest time that an old secret goes on beside the new one.
const maxOverlap = 90 * 24 * time.Hour

// keepCredentials is how long a credential that has ended is still shown.
const keepCredentials = 90 * 24 * time.Hour

func checkOverlap(overlap time.Duration) error {
	if overlap < 0 || overlap > maxOverlap {
		return errBadOverlap
	}
	return nil
}

// retirement is when the secrets in force end once another one takes over.
type retirement struct {
	ends []time.Time // of each, in order
	last time.Time   // the latest of them; zero where there was none
}

// retire ends the secrets in force, whose ends it is given (zero: open), with the overlap at the latest. While two are in
// force, only a rotation without overlap is taken, which ends both: an overlap that was promised is never cut short by
// accident.
func retire(inForce []time.Time, overlap time.Duration, now time.Time) (r retirement, err error) {
	if overlap > 0 && len(inForce) >= maxSecrets {
		return r, ErrTooManySecrets
	}
	for _, end := range inForce {
		if end = nearer(end, now.Add(overlap)); end.After(r.last) {
			r.last = end
		}
		r.ends = append(r.ends, end)
	}
	return r, nil
}

// ParseCredentialID reads the outside identifier of a service account's secret or key.
func ParseCredentialID(s string) (CredentialID, error) { return sqldb.ParseID[credentialPrefix](s) }
