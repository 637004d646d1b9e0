package secret

import (
	"bytes"
	"crypto/pbkdf2"
	"crypto/sha1" // as old systems hashed passwords; PBKDF2 does not need collision resistance
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"strings"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"
	"golang.org/x/crypto/scrypt"
)

// work is an algorithm with its parameters: what one computation of a hash costs.
type work struct {
	algorithm string // argon2id, scrypt, pbkdf2-sha1, pbkdf2-sha256, pbkdf2-sha512, or bcrypt's 2a, 2b, 2y
	memory    uint32 // argon2id: KiB; scrypt: log2 of N
	time      uint32 // argon2id: passes; scrypt: r; pbkdf2: iterations; bcrypt: log2 of the rounds
	lanes     uint32 // argon2id: lanes; scrypt: p
	size      int    // of the result in bytes; a cost of pbkdf2 alone
}

// stored is a hash as it is read back from the store.
type stored struct {
	work
	salt, key []byte
	hash      string // bcrypt's: the whole text, which that library reads itself
}

// Upper bounds, so that no row and no imported hash can make the process use gigabytes or minutes: 128 MiB, and about two
// seconds of one processor.
const (
	maxMemory     = 128 * 1024 // KiB
	maxTime       = 16
	maxLanes      = 8
	maxPasses     = 1024 * 1024 // argon2id: KiB times passes
	maxIterations = 2_500_000   // pbkdf2: for each block of the result
	maxBlocks     = 4 << 20     // scrypt: N times r times p
	maxCost       = 14          // bcrypt
	minCost       = 4
	maxField      = 64 // bytes of a salt or a key
	minSalt       = 8
	minField      = 16 // bytes of a key
	bcryptTail    = 53 // characters of bcrypt's salt and result
)

var errHash = errors.New("secret: a stored password hash cannot be read")

// ErrHashTooCostly says that computing the hash would take too long or too much memory.
var ErrHashTooCostly = errors.New("secret: the password hash costs too much time or memory")

var digests = map[string]func() hash.Hash{"pbkdf2-sha1": sha1.New, "pbkdf2-sha256": sha256.New, "pbkdf2-sha512": sha512.New}

// parse reads a hash in the one spelling that we store.
func parse(text string) (s stored, err error) {
	cost, last, _ := cutLast(text)
	if len(text) > 512 {
		return s, errHash
	}
	if s.work, err = parseCost(cost); s.bcrypt() {
		s.hash = text
		if _, broken := bcrypt.Cost([]byte(text)); err == nil && (broken != nil || len(last) != bcryptTail) {
			err = errHash
		}
		return s, err
	}
	cost, first, _ := cutLast(cost)
	if s.work, err = parseCost(cost); err != nil {
		return s, err
	}
	var err1, err2 error
	s.salt, err1 = base64.RawStdEncoding.DecodeString(first)
	s.key, err2 = base64.RawStdEncoding.DecodeString(last)
	if err1 != nil || err2 != nil || s.String() != text || len(s.salt) < minSalt || len(s.salt) > maxField || len(s.key) < minField || len(s.key) > maxField {
		return s, errHash
	}
	if s.size != 0 && s.size != len(s.key) {
		return s, errHash
	}
	s.size = len(s.key)
	return s, nil
}

// parseCost reads what cost writes.
func parseCost(text string) (w work, err error) {
	parts := strings.Split(text, "$")
	if len(parts) < 3 || parts[0] != "" {
		return w, errHash
	}
	switch w.algorithm = parts[1]; w.algorithm {
	case "2a", "2b", "2y":
		_, err = fmt.Sscanf(parts[2], "%02d", &w.time)
	case "argon2id":
		_, err = fmt.Sscanf(parts[len(parts)-1], "m=%d,t=%d,p=%d", &w.memory, &w.time, &w.lanes)
	case "scrypt":
		_, err = fmt.Sscanf(parts[2], "ln=%d,r=%d,p=%d", &w.memory, &w.time, &w.lanes)
	case "pbkdf2-sha1", "pbkdf2-sha256", "pbkdf2-sha512":
		_, err = fmt.Sscanf(parts[2], "i=%d,l=%d", &w.time, &w.size)
	default:
		return w, errHash
	}
	if err != nil || w.cost() != text {
		return w, errHash
	}
	return w, w.affordable()
}

func cutLast(text string) (before, after string, found bool) {
	i := strings.LastIndexByte(text, '$')
	if i < 0 {
		return text, "", false
	}
	return text[:i], text[i+1:], true
}

func (w work) bcrypt() bool { return w.algorithm == "2a" || w.algorithm == "2b" || w.algorithm == "2y" }

// affordable refuses what would cost too much, and parameters that the algorithms do not have.
func (w work) affordable() error {
	m, t, p := uint64(w.memory), uint64(w.time), uint64(w.lanes)
	switch {
	case t == 0, w.size < 0:
		return errHash
	case w.algorithm == "argon2id" && (m == 0 || p == 0), w.algorithm == "scrypt" && (m == 0 || p == 0):
		return errHash
	case w.algorithm == "argon2id" && (m > maxMemory || t > maxTime || p > maxLanes || m*t > maxPasses),
		w.algorithm == "scrypt" && (m > 30 || t > 64 || p > 64 || t<<m/8 > maxMemory || p*t<<m > maxBlocks),
		w.bcrypt() && t > maxCost,
		w.size > maxField, digests[w.algorithm] != nil && t > maxIterations/w.blocks():
		return ErrHashTooCostly
	case w.bcrypt() && t < minCost:
		return errHash
	}
	return nil
}

// blocks is how many times PBKDF2 computes its iterations.
func (w work) blocks() uint64 {
	size := digests[w.algorithm]().Size()
	return uint64(max(1, (w.size+size-1)/size))
}

// kib is the memory that one computation takes.
func (w work) kib() int64 {
	switch w.algorithm {
	case "argon2id":
		return int64(w.memory)
	case "scrypt":
		return int64(w.time) << w.memory / 8
	}
	return 8
}

// cost is the work as text: the stored hash without salt and key.
func (w work) cost() string {
	switch w.algorithm {
	case "argon2id":
		return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d", argon2.Version, w.memory, w.time, w.lanes)
	case "scrypt":
		return fmt.Sprintf("$scrypt$ln=%d,r=%d,p=%d", w.memory, w.time, w.lanes)
	case "2a", "2b", "2y":
		return fmt.Sprintf("$%s$%02d", w.algorithm, w.time)
	}
	return fmt.Sprintf("$%s$i=%d,l=%d", w.algorithm, w.time, w.size)
}

// String is the stored form.
func (s stored) String() string {
	if s.hash != "" {
		return s.hash
	}
	b64 := base64.RawStdEncoding
	return s.cost() + "$" + b64.EncodeToString(s.salt) + "$" + b64.EncodeToString(s.key)
}

// derive computes the key of a password.
func (w work) derive(password, salt []byte) (key []byte, err error) {
	switch w.algorithm {
	case "argon2id":
		return argon2.IDKey(password, salt, w.time, w.memory, uint8(w.lanes), uint32(w.size)), nil
	case "scrypt":
		return scrypt.Key(password, salt, 1<<w.memory, int(w.time), int(w.lanes), w.size)
	}
	return pbkdf2.Key(digests[w.algorithm], string(password), salt, int(w.time), w.size)
}

// matches computes the hash once and compares.
//
// Invariant: bcrypt sees the first 72 bytes alone, and many of its libraries end at a NUL; to PBKDF2 and scrypt a password
// is the same with NULs behind it (HMAC fills its key up with them). What they do not see proves nothing, so a password that
// is longer, or holds a NUL, is never such a hash's; the work is done all the same (TestBcryptIsTakenKnowingly).
func (s stored) matches(password []byte) bool {
	seen := s.algorithm == "argon2id" || bytes.IndexByte(password, 0) < 0
	if !s.bcrypt() {
		got, err := s.derive(password, s.salt)
		return err == nil && subtle.ConstantTimeCompare(got, s.key) == 1 && seen
	}
	same := bcrypt.CompareHashAndPassword([]byte(s.hash), password[:min(len(password), bcryptReads)]) == nil
	return same && seen && len(password) <= bcryptReads
}

const bcryptReads = 72

// nobodys is a hash of the cost that no password fits.
func (w work) nobodys() stored {
	if w.bcrypt() {
		const salt, sum = "N9qo8uLOickgx2ZMRZoMye", "IjZAgcfl7p92ldGxad68LJZdL17lhWy"
		return stored{work: w, hash: w.cost() + "$" + salt + sum}
	}
	if w.size == 0 {
		w.size = keySize
	}
	return stored{work: w, salt: Random(saltSize), key: Random(w.size)}
}
