package credential

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"time"

	"github.com/go-webauthn/webauthn/metadata"
	"github.com/go-webauthn/webauthn/metadata/providers/memory"
	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"
)

// publisher signs the metadata of the FIDO Alliance. The root above it is one of the public web, so the name counts.
const publisher = "mds.fidoalliance.org"

// Makers are what the makers of authenticators vouch for, as the operator has put it beside the service: the metadata blob
// of the FIDO Alliance (FIDO Metadata Service 3), or one of the same form. Nothing is ever fetched, not even lists of
// revoked certificates, for which the library would go out.
type Makers struct {
	provider metadata.Provider
	Next     time.Time // when a newer one was to be there
	Number   int
	Models   int
	Unread   int // entries that were not understood; their models count as unknown
}

// ReadMakers reads a blob whose signature leads to the root (PEM, or nil for the FIDO Alliance's).
//
// Invariant: what the root has not signed says nothing (TestMetadataIsSigned).
func ReadMakers(blob, root []byte, now time.Time) (*Makers, error) {
	payload, err := signedPayload(bytes.TrimSpace(blob), root, now)
	if err != nil {
		return nil, err
	}
	var raw metadata.PayloadJSON
	if err := json.Unmarshal(payload, &raw); err != nil {
		return nil, fmt.Errorf("the metadata cannot be read: %w", err)
	}
	decoder, err := metadata.NewDecoder(metadata.WithIgnoreEntryParsingErrors())
	if err != nil {
		return nil, err
	}
	all, err := decoder.Parse(&raw)
	if err != nil {
		return nil, fmt.Errorf("the metadata cannot be read: %w", err)
	}
	m := &Makers{Next: all.Parsed.NextUpdate, Number: all.Parsed.Number, Models: len(all.Parsed.Entries), Unread: len(all.Unparsed)}
	m.provider, err = memory.New(
		memory.WithMetadata(all.ToMap()), memory.WithMetadataKeyIdentifiers(all.ToKeyIdentifierMap()), memory.WithValidateEntryKeyIdentifier(true),
		memory.WithValidateEntry(true), memory.WithValidateEntryPermitZeroAAGUID(false), memory.WithValidateAAGUID(true),
		memory.WithValidateTrustAnchor(true), memory.WithValidateAttestationTypes(true),
		memory.WithValidateStatus(true), memory.WithStatusUndesired(metadata.DefaultUndesiredAuthenticatorStatuses()),
	)
	return m, err
}

// Stale reports whether a newer blob should be there by now. An old one still counts: it knows of fewer faults.
func (m *Makers) Stale(now time.Time) bool { return !now.Before(m.Next.AddDate(0, 0, 1)) }

// vouch reports whether the maker vouches for the key: it was registered with an attestation that leads to the root which
// the metadata names for its model, and nothing bad is known of the model today.
//
// Invariant: an attestation of nobody, by the key itself, of an unknown maker, or of a model that was revoked vouches for
// nothing (TestAttestedKeys). The library lets the first two pass.
func (m *Makers) vouch(key webauthn.Credential) bool {
	if m == nil || protocol.AttestationFormat(key.AttestationFormat) == protocol.AttestationFormatNone || key.AttestationFormat == "" {
		return false
	}
	key.AttestationType = "" // as it is found now, not as it is stored
	if err := key.Verify(m.provider, protocol.AttestationPolicy{}, protocol.SignaturePolicy{}); err != nil {
		return false
	}
	return slices.Contains([]string{string(metadata.BasicFull), string(metadata.AttCA), string(metadata.AnonCA)}, key.AttestationType)
}

// vouched is what an evidence says of the key that was used.
func (c *Credentials) vouched(key *webauthn.Credential) bool { return c.makers.vouch(*key) }

var errUnsigned = errors.New("the metadata is not signed under the root certificate")

// signedPayload is the content of a JWS in compact form, signed under the root.
func signedPayload(blob, root []byte, now time.Time) ([]byte, error) {
	parts := bytes.Split(blob, []byte{'.'})
	if len(parts) != 3 {
		return nil, errors.New("the metadata is no signed blob (JWS)")
	}
	var decoded [3][]byte
	for i, p := range parts {
		var err error
		if decoded[i], err = base64.RawURLEncoding.DecodeString(string(p)); err != nil {
			return nil, errors.New("the metadata is no signed blob (JWS)")
		}
	}
	var header struct {
		Alg   string   `json:"alg"`
		Chain [][]byte `json:"x5c"`
		Crit  []string `json:"crit"`
	}
	if err := json.Unmarshal(decoded[0], &header); err != nil || len(header.Chain) == 0 || len(header.Crit) > 0 {
		return nil, errUnsigned
	}
	signer, err := signerOf(header.Chain, root, now)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(blob[:len(parts[0])+1+len(parts[1])])
	if !signedBy(signer, header.Alg, sum[:], decoded[2]) {
		return nil, errUnsigned
	}
	return decoded[1], nil
}

func signerOf(chain [][]byte, root []byte, now time.Time) (*x509.Certificate, error) {
	roots, name := x509.NewCertPool(), ""
	if root == nil {
		der, err := base64.StdEncoding.DecodeString(metadata.ProductionMDSRoot)
		if err != nil {
			return nil, err
		}
		name = publisher
		root = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	}
	if !roots.AppendCertsFromPEM(root) {
		return nil, errors.New("the root of the metadata holds no certificate (PEM)")
	}
	between := x509.NewCertPool()
	var leaf *x509.Certificate
	for i, der := range chain {
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, errUnsigned
		}
		if i == 0 {
			leaf = cert
		} else {
			between.AddCert(cert)
		}
	}
	_, err := leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, DNSName: name, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errUnsigned, err)
	}
	return leaf, nil
}

// signedBy verifies the two algorithms that such blobs are signed with (RFC 7518 §3.3, §3.4).
func signedBy(signer *x509.Certificate, alg string, sum, signature []byte) bool {
	switch key := signer.PublicKey.(type) {
	case *rsa.PublicKey:
		return alg == "RS256" && rsa.VerifyPKCS1v15(key, crypto.SHA256, sum, signature) == nil
	case *ecdsa.PublicKey:
		return alg == "ES256" && len(signature) == 64 &&
			ecdsa.Verify(key, sum, new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:]))
	}
	return false
}
