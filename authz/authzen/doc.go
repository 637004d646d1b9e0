// Package authzen is the AuthZEN Authorization API 1.0 at /access/v1: applications ask whether somebody may do something,
// who may, what somebody may do, and which records a list may show. It decides nothing; authz.Snapshot does, and all that
// one request asks is answered from one snapshot at one moment.
//
//	body ─► scanner ─► request ─► resolve ─► authz.Question ─► authz.Snapshot ─► answer
//
// A request writes nothing, and nothing that costs a statement is asked twice of the same token and version.
//
// Invariants:
//   - Nothing answers without a client's own token that counts at this moment, for this API, with the scope authzen
//     (TestTokensAreAskedEveryTime).
//   - An organization that the caller does not serve, and whatever belongs to it, cannot be told from what does not exist
//     (TestNeighboursAreNotThere).
//   - What cannot be answered from the present version is not answered (503), and no internal text leaves (TestErrorBodies).
package authzen
