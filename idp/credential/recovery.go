package credential

import (
	"context"
	"crypto/rand"
	"strings"

	"portvakt/internal/directory"
	"portvakt/internal/outbox"
	"portvakt/internal/secret"
	"portvakt/internal/sqldb"
)

const (
	recoveryCodes  = 10
	recoveryBytes  = 10 // 80 bits
	recoveryLength = 16 // characters of base32, without what groups them
	fewRecovery    = 3  // left: the person is told to make new ones
)

// FewRecoveryCodes reports whether so many are few enough to think of new ones.
func FewRecoveryCodes(left int) bool { return left < fewRecovery }

// MakeRecoveryCodes gives the person ten new recovery codes and voids the earlier ones. They are shown once; the store
// keeps their hashes.
//
// Invariant: codes of an earlier set open nothing (TestWall095_RecoveryCodes).
func (c *Credentials) MakeRecoveryCodes(ctx context.Context, tx *sqldb.Tx, user directory.UserID) ([]string, error) {
	if err := LockUser(ctx, tx, user); err != nil {
		return nil, err
	}
	had, err := hadRecovery(ctx, tx, user)
	if err != nil {
		return nil, err
	}
	voidRecovery(tx, user)
	shown := make([]string, recoveryCodes)
	for i := range shown {
		raw := make([]byte, recoveryBytes)
		_, _ = rand.Read(raw) // never fails (crypto/rand)
		code := strings.ToLower(base32Text.EncodeToString(raw))
		insertRecovery(tx, user, hashRecovery(user, code))
		shown[i] = grouped(code, "-")
	}
	if err := auditRecovery(ctx, tx, user, "credential.recovery_codes_made"); err != nil || !had {
		return shown, err // the first ones come with a factor, of which the person is told
	}
	return shown, outbox.Append(tx, directory.OrganizationID{}, EventRecoveryCodesMade, user.String(), FactorEvent{User: user.String(), Left: recoveryCodes})
}

// hashRecovery makes the stored form. 80 random bits need no slow hash; the person's id keeps one person's code from being
// another's.
func hashRecovery(user directory.UserID, code string) []byte {
	return secret.HashToken("recovery " + user.String() + " " + code)
}

// readRecovery takes sixteen letters and digits as they were shown, with or without what groups them.
func readRecovery(s string) (string, bool) {
	if len(s) > 4*recoveryLength {
		return "", false
	}
	s = strings.ToLower(strings.NewReplacer(" ", "", "-", "").Replace(s))
	if len(s) != recoveryLength {
		return "", false
	}
	for i := range len(s) {
		if (s[i] < 'a' || s[i] > 'z') && (s[i] < '2' || s[i] > '7') {
			return "", false
		}
	}
	return s, true
}

// VerifyFactor proves the person by what can be typed in place of a second factor: a one-time code, or a recovery code.
// Both have one counter.
//
// Invariant: whatever is typed counts as one guess on the person's one counter (TestWall091_OneCounterForAllCodes).
func (c *Credentials) VerifyFactor(ctx context.Context, user directory.UserID, typed string) (Evidence, error) {
	code, ok := readRecovery(typed)
	if !ok {
		return c.VerifyCode(ctx, user, typed)
	}
	if err := c.guessCode(ctx, user); err != nil {
		return Evidence{}, err
	}
	e, err := c.useRecovery(ctx, user, code)
	if err != nil {
		return Evidence{}, err
	}
	return e, c.throttle.Reset(ctx, codeRule, user.String())
}

// useRecovery takes a recovery code, once, and has it told to the person.
func (c *Credentials) useRecovery(ctx context.Context, user directory.UserID, code string) (e Evidence, err error) {
	wrong := false
	err = c.db.Update(ctx, func(tx *sqldb.Tx) error {
		epoch, taken, err := takeRecovery(ctx, tx, user, hashRecovery(user, code))
		if wrong = err == nil && !taken; err != nil || wrong {
			return err
		}
		has, err := c.Of(ctx, tx, user)
		if err != nil {
			return err
		}
		e = Evidence{User: user, Epoch: epoch, At: tx.Now(), Recovery: true}
		if err := auditRecovery(ctx, tx, user, "credential.recovery_code_used"); err != nil {
			return err
		}
		return outbox.Append(tx, directory.OrganizationID{}, EventRecoveryCodeUsed, user.String(), FactorEvent{User: user.String(), Left: has.Recovery})
	})
	if err == nil && wrong {
		err = ErrWrongCode
	}
	return e, err
}

// SealCodes makes a text of recovery codes that are about to be shown; it opens for the same purpose alone.
func (c *Credentials) SealCodes(codes []string, purpose string) []byte {
	return c.keys.Seal("recovery codes "+purpose, []byte(strings.Join(codes, " ")))
}

// OpenCodes reads them again.
func (c *Credentials) OpenCodes(sealed []byte, purpose string) ([]string, error) {
	raw, err := c.keys.Open("recovery codes "+purpose, sealed)
	return strings.Fields(string(raw)), err
}
