// Package application knows who may ask for tokens: applications and service accounts, parsed once and kept until one
// changes, with what they registered. It authenticates them and judges redirect URIs and registrations.
//
// Invariants:
//   - Authenticated is made here alone, after the registered method and no other succeeded (TestAuthenticate).
//   - A client assertion is addressed to our issuer alone, lives five minutes at most and counts once, on all nodes
//     together (TestAssertion, TestAssertionCountsOnce).
//   - Authenticating by secret touches no database; when a service account was last used is written in the background.
//   - A redirect URI matches byte by byte; only the port of a native application's loopback address is free
//     (TestRedirectMutants).
//   - A secret is compared in constant time by its SHA-256; an unknown client costs the same comparison.
package application
