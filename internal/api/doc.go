// Package api is what programs call at /api/v1: JSON in and out, refusals as problem documents (RFC 9457) with stable codes.
// It decides nothing of its own; the rules are the directory's. Who calls is said by a client's own access token
// (client credentials) with the scope of the route and our address as audience.
//
// Invariants:
//   - No route but the description answers without a token that counts at this moment (TestEveryRouteNeedsItsScope).
//   - What belongs to somebody else, or to an organization that the caller does not serve, is not there: 404
//     (TestR19_NeighboursTransfersAreNotThere).
//   - No internal text leaves (TestProblems).
package api
