// Package seed reads and applies the file that declares an installation's modules, packages, organizations, people and
// applications: serve --dev loads one, portvakt apply -f brings an installation up to date with one.
//
//	Parse ─► File ─► Resolve (what the file leaves to the database) ─► Apply, or Plan (the same, rolled back)
//
// Invariants:
//   - A file is applied whole or not at all, in one transaction (TestApplyIsAllOrNothing).
//   - Applying the same file again writes nothing (TestDemoTwice).
//   - An absent key keeps its value; what is not named stays; nobody is ended by absence, and nobody who was deleted
//     since comes back (TestDeletedStaysAway).
//   - Secrets, passwords and starts are set when their thing is made, never again (TestSecretsAreSetOnce).
//   - Plain secrets are for development: Parse refuses them elsewhere (TestPlainSecrets).
package seed
