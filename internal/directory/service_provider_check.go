package directory

import (
	"cmp"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"net"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"portvakt/internal/fault"
)

// Limits of a service provider.
const (
	maxEntityID       = 1024 // SAML core §8.3.6
	maxSAMLAddress    = 2048
	maxSAMLEndpoints  = 100
	maxSAMLKeys       = 8
	maxSAMLAttributes = 200
	maxRelayState     = 80 // SAML bindings §3.4.3
)

// The bindings by which a service provider can be answered, and told of a sign-out.
const (
	bindingPOST     = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"
	bindingRedirect = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
	bindingArtifact = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Artifact"
	bindingSOAP     = "urn:oasis:names:tc:SAML:2.0:bindings:SOAP"
)

// Faults of service providers.
var (
	ErrEntityIDTaken     = fault.New(fault.Conflict, "entity_id_taken", "The owner has another service provider with this entity id").On("entity_id")
	errProviderSlugTaken = fault.New(fault.Conflict, "provider_slug_taken", "The owner has another service provider with this slug").On("slug")
	errBadEntityID       = fault.Newf(fault.Invalid, "bad_entity_id", "An entity id has 1 to %d characters without spaces at its ends and without control characters", maxEntityID).On("entity_id")
	errProviderFixed     = fault.New(fault.Invalid, "provider_fixed", "A service provider keeps its owner and its entity id; register another one and remove this one").On("entity_id")
	errNoACS             = fault.New(fault.Invalid, "acs_missing", "A service provider needs an assertion consumer service by HTTP-POST or artifact").On("acs")
	errBadACS            = fault.New(fault.Invalid, "bad_acs", "Each assertion consumer service has an index of its own, 0 to 65535, and HTTP-POST or HTTP-Artifact as its binding").On("acs")
	errBadSLO            = fault.New(fault.Invalid, "bad_slo", "A single logout service has HTTP-Redirect, HTTP-POST or SOAP as its binding").On("slo")
	errBadSAMLAddress    = fault.New(fault.Invalid, "bad_saml_address", "An address of a service provider is a plain https address")
	errBadSAMLKey        = fault.New(fault.Invalid, "bad_saml_key", "A key is RSA of 2048 to 8192 bits, or ECDSA on P-256, P-384 or P-521; at most 8 of them").On("certificates")
	errNoSigningKey      = fault.New(fault.Invalid, "saml_key_missing", "Without a certificate to verify them, signed requests cannot be required").On("certificates")
	errNoEncryptionKey   = fault.New(fault.Invalid, "saml_encryption_key_missing", "Without an RSA certificate that may encrypt, nothing can be encrypted").On("certificates")
	errBadSAMLSign       = fault.New(fault.Invalid, "bad_saml_sign", "What is signed can be assertion, response or both").On("sign")
	errBadSAMLNameID     = fault.New(fault.Invalid, "bad_name_id_format", "The format of names can be persistent, transient, email or unspecified").On("name_id_format")
	errBadRelayState     = fault.Newf(fault.Invalid, "bad_relay_state", "A relay state has at most %d bytes without control characters", maxRelayState).On("relay_state")
	errBadSessionSeconds = fault.New(fault.Invalid, "bad_session_seconds", "The longest session told is 0 for none, or at least 60 seconds").On("session_seconds")
	errBadAttribute      = fault.New(fault.Invalid, "bad_saml_attribute", "An attribute has a name, and a source of ours or values of its own").On("attributes")
)

// CheckServiceProvider finds the first thing that keeps a service provider from being registered. An end of a certificate is
// no such thing: what counts is that it stands in the registration.
//
// Invariant: a key that is too weak, a requirement of signatures without a key to verify them and an address that is not https
// are never stored (TestWall056_WhatARegistrationRefuses).
func (s ServiceProviders) CheckServiceProvider(p *ServiceProvider) error {
	if err := cmp.Or(checkEntityID(p.EntityID), checkText("name", p.Application.Name), checkText("display_name", p.Metadata.DisplayName)); err != nil {
		return err
	}
	if p.Slug != "" {
		if err := CheckKey(p.Slug); err != nil {
			return err
		}
	}
	if p.Pending() {
		return cmp.Or(checkSAMLSettings(&p.Settings), s.checkRefresh(&p.Refresh))
	}
	return cmp.Or(s.checkSAMLEndpoints(&p.Metadata), checkSAMLKeys(&p.Metadata), checkSAMLSettings(&p.Settings), checkSAMLNeeds(p),
		s.checkRefresh(&p.Refresh))
}

// Pending reports whether its metadata has never been read, so that nobody can sign in to it yet.
func (p ServiceProvider) Pending() bool {
	return len(p.Metadata.ACS) == 0 && len(p.Metadata.Keys) == 0 && p.Refresh.URL != "" && p.Refresh.FetchedAt.IsZero()
}

func checkEntityID(id string) error {
	if id == "" || len(id) > maxEntityID || !utf8.ValidString(id) || strings.TrimSpace(id) != id || strings.ContainsFunc(id, unicode.IsControl) {
		return errBadEntityID
	}
	return nil
}

func (s ServiceProviders) checkSAMLEndpoints(m *SAMLMetadata) error {
	if len(m.ACS) == 0 {
		return errNoACS
	}
	if len(m.ACS) > maxSAMLEndpoints || len(m.SLO) > maxSAMLEndpoints {
		return errBadACS
	}
	used := map[int]bool{}
	for _, e := range m.ACS {
		if e.Binding != bindingPOST && e.Binding != bindingArtifact || e.Index < 0 || e.Index > 65535 || used[e.Index] {
			return errBadACS
		}
		used[e.Index] = true
		if err := s.checkSAMLAddress(e.Location, "acs"); err != nil {
			return err
		}
	}
	for _, e := range m.SLO {
		if e.Binding != bindingPOST && e.Binding != bindingRedirect && e.Binding != bindingSOAP {
			return errBadSLO
		}
		for _, address := range []string{e.Location, cmp.Or(e.ResponseLocation, e.Location)} {
			if err := s.checkSAMLAddress(address, "slo"); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkSAMLAddress refuses what no browser of a person may be sent to.
//
// Invariant: only https, without a user, a fragment or anything that ends an attribute of a page; http for this machine alone,
// in development (TestWall046_ARegistrationHoldsNoScript).
func (s ServiceProviders) checkSAMLAddress(address, field string) error {
	u, err := url.Parse(address)
	if err != nil || len(address) > maxSAMLAddress || u.Host == "" || u.User != nil || u.Fragment != "" || u.Opaque != "" ||
		strings.TrimSpace(address) != address || strings.ContainsAny(address, "\\\"'<> ") || strings.ContainsFunc(address, unicode.IsControl) {
		return errBadSAMLAddress.On(field)
	}
	if u.Scheme == "https" || u.Scheme == "http" && s.allows.Local && isLocalHost(u.Hostname()) {
		return nil
	}
	return errBadSAMLAddress.On(field)
}

func isLocalHost(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || ip != nil && ip.IsLoopback()
}

func (s ServiceProviders) checkRefresh(r *MetadataRefresh) error {
	if len(r.SignedBy) > 0 && (&SAMLKey{Certificate: r.SignedBy}).judge() != nil {
		return errBadSAMLKey.On("metadata_signed_by")
	}
	if r.URL == "" {
		return nil
	}
	return s.checkSAMLAddress(r.URL, "metadata_url")
}

func checkSAMLKeys(m *SAMLMetadata) error {
	if len(m.Keys) > maxSAMLKeys {
		return errBadSAMLKey
	}
	for i := range m.Keys {
		if err := m.Keys[i].judge(); err != nil {
			return err
		}
	}
	return nil
}

// judge refuses a key that proves nothing, and notes when its certificate ends.
func (k *SAMLKey) judge() error {
	public, err := k.public()
	if err != nil || k.Use != "" && k.Use != "signing" && k.Use != "encryption" {
		return errBadSAMLKey
	}
	switch public := public.(type) {
	case *rsa.PublicKey:
		if bits := public.N.BitLen(); bits >= 2048 && bits <= 8192 && public.E >= 3 {
			return nil
		}
	case *ecdsa.PublicKey:
		if public.Curve == elliptic.P256() || public.Curve == elliptic.P384() || public.Curve == elliptic.P521() {
			return nil
		}
	}
	return errBadSAMLKey
}

func (k *SAMLKey) public() (any, error) {
	if len(k.Certificate) == 0 {
		return x509.ParsePKIXPublicKey(k.PublicKey)
	}
	certificate, err := x509.ParseCertificate(k.Certificate)
	if err != nil {
		return nil, err
	}
	k.NotAfter = certificate.NotAfter.UTC()
	return certificate.PublicKey, nil
}

func checkSAMLNeeds(p *ServiceProvider) error {
	verifies := slices.ContainsFunc(p.Metadata.Keys, func(k SAMLKey) bool { return k.Use != "encryption" })
	if (p.Settings.RequireSignedRequests || p.Metadata.AuthnRequestsSigned) && !verifies {
		return errNoSigningKey
	}
	encrypts := slices.ContainsFunc(p.Metadata.Keys, func(k SAMLKey) bool {
		public, _ := k.public()
		_, isRSA := public.(*rsa.PublicKey)
		return k.Use != "signing" && isRSA
	})
	if (p.Settings.Encrypt || p.Settings.EncryptNameID) && !encrypts {
		return errNoEncryptionKey
	}
	return nil
}

func checkSAMLSettings(s *SAMLSettings) error {
	switch {
	case !slices.Contains([]SAMLSign{"", SignAssertion, SignResponse, SignBoth}, s.Sign):
		return errBadSAMLSign
	case !slices.Contains([]SAMLNameID{NameIDUnspecified, NameIDPersistent, NameIDTransient, NameIDEmail}, s.NameIDFormat):
		return errBadSAMLNameID
	case len(s.RelayState) > maxRelayState || checkText("", s.RelayState) != nil:
		return errBadRelayState
	case s.SessionSeconds != 0 && s.SessionSeconds < 60:
		return errBadSessionSeconds
	case s.Template != "" && CheckKey(s.Template) != nil:
		return fault.New(fault.Invalid, "bad_id", "An id is 1 to 63 lower-case letters, digits, hyphens and underscores").On("template")
	}
	return CheckSAMLAttributes(s.Attributes)
}

// CheckSAMLAttributes finds the first attribute that cannot be told.
func CheckSAMLAttributes(list []SAMLAttribute) error {
	if len(list) > maxSAMLAttributes {
		return errBadAttribute
	}
	for i := range list {
		if !list[i].sound() {
			return errBadAttribute
		}
	}
	return nil
}

func (a *SAMLAttribute) sound() bool {
	text := func(s string) bool { return len(s) <= 256 && checkText("", s) == nil }
	if a.Name == "" || !text(a.Name) || strings.TrimSpace(a.Name) != a.Name || !text(a.FriendlyName) || !text(a.Prefix) ||
		!slices.Contains([]string{"", "uri", "basic", "unspecified"}, a.NameFormat) {
		return false
	}
	if len(a.Values) > maxClaimValues || len(a.Groups) > maxClaimValues ||
		slices.ContainsFunc(a.Values, func(v string) bool { return !text(v) }) || slices.ContainsFunc(a.Groups, func(g string) bool { return CheckKey(g) != nil }) {
		return false
	}
	switch {
	case a.Omit:
		return a.Source == "" && len(a.Values) == 0
	case a.Source == "":
		return len(a.Values) > 0 && a.Prefix == ""
	}
	return slices.Contains(SAMLSources, a.Source)
}
