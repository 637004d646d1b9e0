package wire

import (
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"math/big"
	"time"
)

// SelfSigned makes the certificate (DER) that one of our signing keys is published in. SAML trusts it because it stands in
// the metadata, not because of who issued it.
func (i Issuer) SelfSigned(signer crypto.Signer, from, until time.Time) ([]byte, error) {
	var serial [16]byte
	if _, err := io.ReadFull(i.random(), serial[:]); err != nil {
		return nil, err
	}
	serial[0] &= 0x7f // positive, and at most 20 octets (RFC 5280 §4.1.2.2)
	name := i.EntityID
	if len(name) > 64 { // the bound of a common name (RFC 5280 appendix A)
		name = name[:64]
	}
	template := &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(serial[:]), Subject: pkix.Name{CommonName: name},
		NotBefore: from, NotAfter: until, KeyUsage: x509.KeyUsageDigitalSignature, BasicConstraintsValid: true,
	}
	return x509.CreateCertificate(i.random(), template, template, signer.Public(), signer)
}
