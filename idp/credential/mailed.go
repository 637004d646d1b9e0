package credential

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"math/big"
	"strings"
	"time"

	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
)

// MailedFor is how long a mailed code is valid.
const MailedFor = 10 * time.Minute

const mailedDigits = 8

var mailedRange = big.NewInt(100_000_000)

// Mailed is a code that somebody has asked for, after the password was shown.
type Mailed struct {
	User    directory.UserID
	Epoch   int64  // the person's when it was asked for
	Bound   string // the conversation that asked for it; no other can use it
	AskedAt time.Time
}

// MakeMailed makes the code and voids the person's earlier one. It is "" where nobody waits for it any more: the person has
// asked again since, or too much time has passed, or the epoch is over. The store keeps a keyed hash, because eight digits
// alone would be found from a plain one.
func (c *Credentials) MakeMailed(ctx context.Context, m Mailed) (string, error) {
	if !c.db.Now().Before(m.AskedAt.Add(MailedFor)) {
		return "", nil
	}
	n, err := rand.Int(rand.Reader, mailedRange)
	if err != nil {
		return "", err
	}
	code, made := fmt.Sprintf("%0*d", mailedDigits, n), false
	err = c.db.Update(ctx, func(tx *sqldb.Tx) (err error) {
		made, err = insertMailed(ctx, tx, m, c.hashMailed(m.User, m.Bound, code))
		return err
	})
	if err != nil || !made {
		return "", err
	}
	return code, nil
}

// hashMailed makes the stored form, which is worth nothing without the master key and for another conversation.
func (c *Credentials) hashMailed(user directory.UserID, bound, code string) []byte {
	mac := hmac.New(sha256.New, c.keys.Derive("mailed codes"))
	mac.Write([]byte(user.String() + " " + bound + " " + code))
	return mac.Sum(nil)
}

func boundMailed(bound string) []byte {
	sum := sha256.Sum256([]byte(bound))
	return sum[:]
}

// readMailed takes eight ASCII digits, with spaces as the mail shows them.
func readMailed(s string) (string, bool) {
	if len(s) > 4*mailedDigits {
		return "", false
	}
	s = strings.ReplaceAll(s, " ", "")
	if len(s) != mailedDigits {
		return "", false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return "", false
		}
	}
	return s, true
}

// VerifyMailed proves that the person reads the mailbox, by the code that the conversation had mailed. It is weak evidence:
// a second factor only where the organization permits it, and none that Evidence.Second or a reset knows of.
//
// Invariant: a mailed code is good once, for ten minutes, under the epoch and in the conversation in which it was asked for,
// and only while it is the newest (TestMailedCode, TestMailedCodeOnceAtOnce).
// Invariant: whatever is typed counts as one guess on the person's one counter (TestWall091_MailedCodesShareTheCounter).
func (c *Credentials) VerifyMailed(ctx context.Context, user directory.UserID, bound, typed string) (Evidence, error) {
	if err := c.guessCode(ctx, user); err != nil {
		return Evidence{}, err
	}
	code, ok := readMailed(typed)
	if !ok {
		return Evidence{}, ErrWrongCode
	}
	var e Evidence
	err := c.db.Update(ctx, func(tx *sqldb.Tx) error {
		epoch, taken, err := takeMailed(ctx, tx, user, boundMailed(bound), c.hashMailed(user, bound, code))
		e = Evidence{}
		if taken {
			e = Evidence{User: user, Epoch: epoch, At: tx.Now(), Mail: true}
		}
		return err
	})
	if err != nil {
		return Evidence{}, err
	}
	if e.User.IsZero() {
		return Evidence{}, ErrWrongCode
	}
	return e, c.throttle.Reset(ctx, codeRule, user.String())
}
