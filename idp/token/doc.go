// Package token issues and judges what applications hold: authorization codes, token families (a refresh token and all
// that it was rotated into), access tokens (RFC 9068), ID tokens and logout tokens.
//
//	code ──redeem──> family ──rotate──> family, one generation on
//	                   └── access tokens carry its id (fam), so one indexed read says whether they still count
//
// Invariants:
//   - Nothing is issued without a gate.Pass for the same application, and nothing outlives its Cap (TestNothingOutlivesTheMembership).
//   - A code is redeemed by one conditional update; a replay ends the family that the first redemption made (TestCodeRace).
//   - Of a family one refresh token is alive; an older one ends it. What was just rotated gets the same child again
//     for a few seconds, so a lost answer or a second tab does not sign anybody out (TestRefreshRace, TestRefreshReuse).
//   - Refresh tokens are derived, not stored; codes are stored as SHA-256.
//   - No mapping of an application overwrites a claim with a meaning of its own (TestR44_AMappingBesideTheRulesIsLeftOut), and
//     what is too large for a token is named there (TestR44_TheBudgetLeavesOutTheLargestAndSaysSo).
//   - Asking whether a token counts never writes (TestStateNeverWrites).
package token
