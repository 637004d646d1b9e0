// Package scim is the SCIM 2.0 service provider of each organization (RFC 7642-7644, RFC 9865): it turns what provisioning
// clients send into changes of the directory's members and groups, and shows them as SCIM users and groups. It decides nothing
// that the directory decides; it knows the protocol, the quirks of real clients, and which client may write what.
//
//	request → Handler.ServeHTTP (who, which organization, which route, which right, what budget, what body)
//	        → exchange: tolerant reading (normalize, patch) → elimity-com/scim (schemas, validation) → directory
//	        → one way of writing a resource, one table of errors
//	lists   → asked (of a URL or a SearchRequest) → filter → directory.Condition → a page by index or by sealed cursor
//	Bulk    → each operation is an exchange of its own behind the guard; users are gathered and made in one stroke
//
// Invariants:
//   - Nothing is answered before the bearer token is known, discovery included; the organization comes from the token alone.
//   - No error leaves but as a SCIM error with a sentence made for clients.
//   - A filter becomes a directory.Condition over a closed list of fields and runs in the database.
//   - Mapping and PATCH are pure; they run inside the directory's own transaction, on the state that it has locked.
//   - What the request log keeps holds no value that a client has sent.
package scim
