// Package wire is SAML 2.0 as octets: what arrives is measured, parsed, proven and turned into typed views; what we say is
// written, signed, encrypted and packed for its binding. It knows no database, no HTTP handler, no session and no machine
// clock: times, randomness, keys and expectations are handed in.
//
//	arriving   Decode… → Received → .AuthnRequest(Expect) and the like → view
//	leaving    Issuer.Response and the like → Message → .Form, .RedirectURL, .SOAP, .XML
//	metadata   ReadServiceProvider → ServiceProvider (plain, JSON) · Metadata.XML
//
// A Received is trusted by nobody: only its Issuer may be read, to find the registration. A view exists only after version,
// times, destination and signature were looked at, and it is read from the very octets that the signature covers.
//
// Our messages are written in exclusive canonical form from the beginning, so that signing one is hashing what was written.
// Refusals are faults of kind Invalid with a code that begins with "saml_"; their text is fit for whoever runs the service provider.
package wire
