package token

import (
	"crypto/sha256"
	"sync"
)

// verified remembers access tokens whose signature was right, by their SHA-256. It is bounded: a full shard forgets what
// it meets first, which costs one verification more. A change of the ring forgets all, because a key may be gone.
type verified struct{ shards [shards]shard }

const (
	shards    = 16
	shardSize = 1024
	keptBytes = 12 << 10 // the claims of a larger token are not worth the memory
)

type shard struct {
	mu      sync.RWMutex
	version int64
	tokens  map[[sha256.Size]byte]*Access
}

func newVerified() *verified { return &verified{} }

func keyOf(token string) [sha256.Size]byte { return sha256.Sum256([]byte(token)) }

func (v *verified) get(key [sha256.Size]byte, version int64) *Access {
	s := &v.shards[key[0]%shards]
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.version != version {
		return nil
	}
	return s.tokens[key]
}

func (v *verified) put(key [sha256.Size]byte, version int64, a *Access) {
	if len(a.claims) > keptBytes {
		return
	}
	s := &v.shards[key[0]%shards]
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tokens == nil || s.version != version {
		s.tokens, s.version = make(map[[sha256.Size]byte]*Access), version
	}
	if len(s.tokens) >= shardSize {
		for old := range s.tokens {
			delete(s.tokens, old)
			break
		}
	}
	s.tokens[key] = a
}
