package secret

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync/atomic"

	"golang.org/x/text/unicode/norm"
)

// MaxPassword is the longest password in bytes after normalization; checked before hashing, never truncated.
const MaxPassword = 1024

// Params are the cost of argon2id: memory in KiB, passes, lanes.
type Params struct {
	Memory uint32
	Time   uint32
	Lanes  uint8
}

// DefaultParams is the least that is allowed: 19 MiB, 2 passes, 1 lane (OWASP Password Storage).
var DefaultParams = Params{Memory: 19 * 1024, Time: 2, Lanes: 1}

const (
	saltSize = 16
	keySize  = 32
)

// Passwords hashes passwords with argon2id and verifies them, only so many at once (Place). It also verifies hashes that
// other systems made: bcrypt, scrypt and PBKDF2 (ImportHash).
type Passwords struct {
	today work // what a hash made today costs
	queue *queue
	done  atomic.Int64
}

// NewPasswords prepares the hasher.
func NewPasswords(p Params) *Passwords {
	return &Passwords{today: work{algorithm: "argon2id", memory: p.Memory, time: p.Time, lanes: uint32(p.Lanes), size: keySize}, queue: newQueue(p)}
}

// Computed is how many hashes have been computed since the start.
func (h *Passwords) Computed() int64 { return h.done.Load() }

// Current reports whether the hash costs what one made today does.
func (h *Passwords) Current(hash string) bool {
	s, err := parse(hash)
	return err == nil && s.cost() == h.today.cost()
}

// Hash gives the PHC string of a password.
func (h *Passwords) Hash(ctx context.Context, password string) (string, error) {
	p, err := prepare(password)
	if err != nil {
		return "", err
	}
	place, err := h.Place()
	if err != nil {
		return "", err
	}
	defer place.Leave()
	s := stored{work: h.today, salt: Random(saltSize)}
	err = place.run(ctx, s.kib(), func() { s.key, err = s.derive(p, s.salt); h.done.Add(1) })
	return s.String(), err
}

// Verify reports whether the password is the hash's. Place.Verify is for those whom nobody knows yet.
func (h *Passwords) Verify(ctx context.Context, hash, password string) (bool, error) {
	place, err := h.Place()
	if err != nil {
		return false, err
	}
	defer place.Leave()
	return place.Verify(ctx, cmp.Or(hash, "none"), password, nil)
}

// Verify reports whether the password is the hash's. An empty hash is nobody's: it takes the time of a verification and
// fails, so that nobody can tell from the time. also are the costs (CostOf) of the imported hashes that there are.
//
// Invariant: whoever it is about, one hash of today's cost and one of each cost in also are computed
// (TestEverybodyCostsTheSame).
func (p *Place) Verify(ctx context.Context, hash, password string, also []string) (bool, error) {
	all, mine, err := p.h.workload(hash, also)
	if err != nil {
		return false, err
	}
	spellings, err := spellings(password)
	possible := err == nil
	var kib int64
	for _, s := range all {
		kib = max(kib, s.kib())
	}
	same := false
	err = p.run(ctx, kib, func() {
		for i, s := range all {
			fits := s.matches(spellings[0])
			p.h.done.Add(1)
			if i != mine {
				continue
			}
			if same = fits; !fits && len(spellings) > 1 && s.cost() != p.h.today.cost() {
				same = s.matches(spellings[1])
			}
		}
	})
	return same && possible, err
}

// workload is what is computed: the hash among nobody's hashes, so that there is one of each cost.
func (h *Passwords) workload(hash string, also []string) (all []stored, mine int, err error) {
	mine = -1
	var s stored
	if hash != "" {
		if s, err = parse(hash); err != nil {
			return nil, mine, err
		}
	}
	costs := []string{h.today.cost()}
	for _, cost := range slices.Sorted(slices.Values(also)) {
		if !slices.Contains(costs, cost) {
			costs = append(costs, cost)
		}
	}
	for _, cost := range costs {
		if hash != "" && s.cost() == cost {
			mine, all = len(all), append(all, s)
			continue
		}
		w, err := parseCost(cost)
		if err != nil {
			return nil, mine, err
		}
		all = append(all, w.nobodys())
	}
	if hash != "" && mine < 0 { // of another cost than was told of: a change of today's, or an import at this moment
		mine, all = 0, append([]stored{s}, all[1:]...)
	}
	return all, mine, nil
}

// CostOf is what computing a stored hash costs: its algorithm and parameters.
func CostOf(hash string) (string, error) {
	s, err := parse(hash)
	return s.cost(), err
}

// ErrPasswordSize says that a password is empty or longer than MaxPassword.
var ErrPasswordSize = errors.New("secret: password is empty or too long")

// prepare normalizes to NFC (NIST SP 800-63B-4 §3.1.1.2) and checks the size; the whole password counts.
func prepare(password string) ([]byte, error) {
	if len(password) > 4*MaxPassword {
		return nil, ErrPasswordSize
	}
	p := norm.NFC.Bytes([]byte(password))
	if len(p) == 0 || len(p) > MaxPassword {
		return nil, ErrPasswordSize
	}
	return p, nil
}

// spellings are the password as we hash it and, where that differs, as it was typed, which is what other systems hashed.
// What is no password is one that takes as long.
func spellings(password string) ([][]byte, error) {
	p, err := prepare(password)
	if err != nil {
		return [][]byte{[]byte("no password")}, err
	}
	all := [][]byte{p}
	if password != string(p) {
		all = append(all, []byte(password))
	}
	return all, nil
}
