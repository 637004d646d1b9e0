// Package web is the look and the language of every page: one layout, one stylesheet, four languages, the security
// headers and the form token. It knows no route, no session and no database; rooms with pages bring their own templates
// and texts and render them through a Renderer.
//
// Invariant: only html/template writes HTML, and no page carries an inline script or style (TestHostileValuesAreEscaped,
// TestPolicyHasNoInline).
// Invariant: a page is rendered into memory first, so nobody ever sees half of one (TestBrokenTemplateIsCleanError).
// Invariant: pages are never cached; assets carry the hash of their content in their address and are cached for good
// (TestPageHeaders, TestAssets).
package web
