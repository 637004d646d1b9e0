// Package jwk reads the public keys that clients register with us (RFC 7517) and checks what they signed with them
// (RFC 7515). It knows three kinds of keys, and nothing symmetric.
//
// Invariants:
//   - A key with a private half is refused, so that nobody's secret is kept here (TestSets).
//   - The algorithm fits the registered key; nothing in a token's header chooses or brings a key but kid (TestHeaders).
package jwk
