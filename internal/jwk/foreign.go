package jwk

import (
	"encoding/json"
	"errors"
)

// maxForeign is how many keys a set may hold that somebody publishes for others too.
const maxForeign = 100

// ParseForeign reads a key set that its owner publishes: what is none of our kinds of keys, or for something else than
// signatures, is passed over (RFC 7517 §5). A private half in it spoils the whole set.
func ParseForeign(text []byte) ([]Key, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if len(text) > maxSet {
		return nil, bad("The key set is larger than %d bytes", maxSet)
	}
	if err := json.Unmarshal(text, &set); err != nil || set.Keys == nil {
		return nil, bad("The key set is no JSON object with the member keys")
	}
	if len(set.Keys) > maxForeign {
		return nil, bad("The key set holds more than %d keys", maxForeign)
	}
	var keys []Key
	for _, raw := range set.Keys {
		k, err := Parse(raw)
		if errors.Is(err, errPrivate) {
			return nil, err
		}
		if err == nil {
			keys = append(keys, k)
		}
	}
	return keys, nil
}
