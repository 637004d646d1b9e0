// Package authz says what a member may do: the permissions that follow from role, profiles, packages and grants, and the
// claims that applications are told. The rows live in the directory, which hands over everything about one member as
// directory.AccessFacts; evaluation here is pure.
//
//	role ─► profiles ─┐
//	packages ─────────┼─► Permission of each module ─► Claims.Entitlements
//	own grants ───────┘
//
// Applications hear of it as Claims, in their own words by a Mapping.
//
// Snapshot is an organization's whole model compiled: it decides about records, explains, searches and filters, by the same
// rules and without I/O.
//
// Invariants:
//   - The most permissive source wins; an explicit none subtracts nothing (TestAddingTakesNothingAway).
//   - A limited member has no module but self-service ones, a contact none at all (TestPermissions).
//   - Whether the membership is active is the gate's question for claims; a Decision asks it itself, at the question's moment.
//   - The fast evaluation agrees with a plain reading of the rows (TestTheFastAndTheSlowAgree).
package authz
