// Package directory is the heart: organizations, users, memberships and what hangs on them, with the rules that must
// hold in one transaction. All rooms use it; it knows no protocol, no HTTP and no mail.
//
//	User ──< Membership >── Organization ──< Role, Group, Profile, Segment
//	              └─ kind, [start, end), packages, grants, functions, segments
//
// Invariants:
//   - The membership is the pivot: whatever a person may do in an organization hangs on it and ends with it.
//   - No organization changes a person's sign-in identity but the home organization, within its verified domains.
//   - A membership outside the home organization starts invited; only the person, or the installation's own seed, accepts.
//   - What belongs to an organization is asked for by organization and identifier.
//   - Every change appends its audit entry and its event in its transaction.
package directory
