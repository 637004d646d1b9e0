package web

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
)

// csrfPurpose keeps these tokens apart from anything else that is ever made with the same key.
const csrfPurpose = "portvakt form token v1"

// CSRFToken is the value of a form's csrf field. The binding names what the form belongs to, and only the server and
// this browser may know it: the browser's cookie value together with the interaction's or session's id.
//
// Invariant: a token of one binding is refused under every other (TestFormTokenIsBound).
func CSRFToken(key []byte, binding string) string {
	mac := hmac.New(sha256.New, key)
	for _, part := range [...]string{csrfPurpose, binding} {
		var length [8]byte
		binary.BigEndian.PutUint64(length[:], uint64(len(part)))
		mac.Write(length[:])
		mac.Write([]byte(part))
	}
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// CheckCSRF reports, in constant time, whether token is the binding's. An empty key or binding never checks out, so that
// a forgotten cookie cannot turn into a shared token.
func CheckCSRF(key []byte, binding, token string) bool {
	if len(key) == 0 || binding == "" {
		return false
	}
	return hmac.Equal([]byte(CSRFToken(key, binding)), []byte(token))
}
