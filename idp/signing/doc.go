// Package signing is the ring of keys that sign what Portvakt issues: for each algorithm one next, one current and the
// retired keys whose tokens may still be alive. It signs and verifies compact JWS (RFC 7515) and serves the public keys.
// What stands in a token is not its business.
//
// Invariants:
//   - A private key is stored sealed by the master key and destroyed when its key retires.
//   - A key is published as next before it ever signs, and as retired until everything that it signed has expired.
//   - Verify knows only headers that Sign writes: our key, its algorithm, a wanted typ, nothing else (TestVerifyIsStrict).
//   - One token has one spelling: strict base64url, low-S ECDSA (TestNoTokenHasTwoSpellings).
package signing
