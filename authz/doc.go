// Package authz says what a member may do: the permissions that follow from role, profiles, packages and grants, and the
// claims that applications are told. The rows live in the directory, which hands over everything about one member as
// directory.AccessFacts; evaluation here is pure.
//
//	role ─► profiles ─┐
//	packages ─────────┼─► Permission of each module ─► Claims.Entitlements
//	own grants ───────┘
//
// Invariants:
//   - The most permissive source wins; an explicit none subtracts nothing (TestAddingTakesNothingAway).
//   - A limited member has no module but self-service ones, a contact none at all (TestPermissions).
//   - Whether the membership is active is the gate's question, not asked here.
package authz
