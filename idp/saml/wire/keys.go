package wire

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"time"
)

const (
	minRSA = 2048
	maxRSA = 8192
	// maxKeys is how many keys of one service provider are tried.
	maxKeys = 8
)

// Use is what a key is for.
type Use string

// The uses of keys; the empty one means both (metadata §2.4.1.1).
const (
	UseAny        Use = ""
	UseSigning    Use = "signing"
	UseEncryption Use = "encryption"
)

// Key is a service provider's public key: a certificate, or a bare key where the metadata has no more.
type Key struct {
	Use         Use    `json:"use,omitempty"`
	Certificate []byte `json:"certificate,omitempty"` // DER
	PublicKey   []byte `json:"public_key,omitempty"`  // DER, SubjectPublicKeyInfo
	// NotAfter is the certificate's; it is told, not enforced: what counts is the metadata (SAML metadata interoperability §2.6).
	NotAfter time.Time `json:"not_after,omitzero"`
	// Methods are the encryption algorithms that the service provider named for the key, the best liked first.
	Methods []string `json:"methods,omitempty"`
}

// NewKey takes a certificate (DER) for a registration.
func NewKey(use Use, certificate []byte) (Key, error) {
	parsed, err := x509.ParseCertificate(certificate)
	if err != nil {
		return Key{}, refuse(codeKey, "This is no X.509 certificate").Because(err)
	}
	k := Key{Use: use, Certificate: parsed.Raw, NotAfter: parsed.NotAfter.UTC()}
	_, err = k.public()
	return k, err
}

// public parses and judges the key.
//
// Invariant: RSA below 2048 bits, DSA and curves outside NIST's three verify and encrypt nothing (TestWall044_WeakKeys).
func (k Key) public() (crypto.PublicKey, error) {
	var public crypto.PublicKey
	if len(k.Certificate) > 0 {
		certificate, err := x509.ParseCertificate(k.Certificate)
		if err != nil {
			return nil, refuse(codeKey, "This is no X.509 certificate").Because(err)
		}
		public = certificate.PublicKey
	} else {
		var err error
		if public, err = x509.ParsePKIXPublicKey(k.PublicKey); err != nil {
			return nil, refuse(codeKey, "This is no public key").Because(err)
		}
	}
	switch p := public.(type) {
	case *rsa.PublicKey:
		if bits := p.N.BitLen(); bits < minRSA || bits > maxRSA || p.E < 3 {
			return nil, refusef(codeKey, "An RSA key must have %d to %d bits", minRSA, maxRSA)
		}
		return p, nil
	case *ecdsa.PublicKey:
		if p.Curve == elliptic.P256() || p.Curve == elliptic.P384() || p.Curve == elliptic.P521() {
			return p, nil
		}
	}
	return nil, refuse(codeKey, "A key must be RSA, or ECDSA on P-256, P-384 or P-521")
}

// VerificationKey is a key that was parsed and judged; make it once, not for each message.
type VerificationKey struct{ public crypto.PublicKey }

// Trust is what a registration says about signatures.
type Trust struct {
	Keys []VerificationKey
	// Required refuses what is not signed.
	Required bool
	// InsecureSHA1 takes RSA-SHA1 as well, which is broken.
	InsecureSHA1 bool
}

// VerificationKeys are the keys of a registration that may verify: those for signing, and those without use. One that we
// cannot use is an error; a registration that holds it should not have been stored.
func VerificationKeys(keys []Key) ([]VerificationKey, error) {
	var out []VerificationKey
	for _, k := range keys {
		if k.Use == UseEncryption {
			continue
		}
		public, err := k.public()
		if err != nil {
			return nil, err
		}
		out = append(out, VerificationKey{public: public})
	}
	if len(out) > maxKeys {
		return nil, refusef(codeKey, "A service provider may have at most %d keys", maxKeys)
	}
	return out, nil
}
