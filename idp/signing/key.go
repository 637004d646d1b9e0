package signing

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// The algorithms of RFC 7518 and RFC 8037 that the ring signs with.
const (
	ES256 = "ES256" // the default
	RS256 = "RS256" // costs 30 times as much; OpenID Connect Core §15.1 demands that it can be had
	EdDSA = "EdDSA" // Ed25519
)

// The values of the typ header, so that no token is taken for one of another kind (RFC 8725 §3.11).
const (
	TypeAccess = "at+jwt"       // RFC 9068 §2.1
	TypeID     = "JWT"          // OpenID Connect Core §2
	TypeLogout = "logout+jwt"   // OpenID Connect Back-Channel Logout §2.4
	TypeEvent  = "secevent+jwt" // RFC 8417 §2.3
	TypeHead   = "audit-head+jwt"
)

var (
	algorithms = []string{ES256, EdDSA, RS256}
	types      = []string{TypeAccess, TypeID, TypeLogout, TypeEvent, TypeHead}
)

const rsaBits = 2048

type state string

const (
	next    state = "next"
	current state = "current"
	retired state = "retired"
)

// key is one key of the ring, ready to use.
type key struct {
	kid       string
	algorithm string
	state     state
	public    crypto.PublicKey
	private   crypto.Signer     // nil for a retired key
	jwk       string            // JSON, public members only
	headers   map[string]string // typ → the encoded header with the dot behind it
	leaves    time.Time         // a retired key verifies until then
	made      time.Time
	size      int // of a signature in bytes
}

// generate makes a key pair.
func generate(algorithm string) (crypto.Signer, error) {
	switch algorithm {
	case ES256:
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case RS256:
		return rsa.GenerateKey(rand.Reader, rsaBits)
	case EdDSA:
		_, private, err := ed25519.GenerateKey(rand.Reader)
		return private, err
	}
	return nil, fmt.Errorf("signing: unknown algorithm %q", algorithm)
}

// jwk is the public form of a key (RFC 7517). It has no private member, so none can ever be shown.
type jwk struct {
	Curve     string `json:"crv,omitempty"`
	Exponent  string `json:"e,omitempty"`
	Type      string `json:"kty"`
	Modulus   string `json:"n,omitempty"`
	X         string `json:"x,omitempty"`
	Y         string `json:"y,omitempty"`
	ID        string `json:"kid,omitempty"`
	Algorithm string `json:"alg,omitempty"`
	Use       string `json:"use,omitempty"`
}

var base64url = base64.RawURLEncoding.Strict()

// publicJWK gives the key's id, its RFC 7638 thumbprint, and its JWK.
func publicJWK(algorithm string, public crypto.PublicKey) (kid, text string, err error) {
	var k jwk
	switch p := public.(type) {
	case *ecdsa.PublicKey:
		point, err := p.Bytes() // 0x04 ‖ x ‖ y
		if err != nil {
			return "", "", err
		}
		n := (len(point) - 1) / 2
		k = jwk{Type: "EC", Curve: "P-256", X: base64url.EncodeToString(point[1 : 1+n]), Y: base64url.EncodeToString(point[1+n:])}
	case *rsa.PublicKey:
		e := []byte{byte(p.E >> 16), byte(p.E >> 8), byte(p.E)} // 65537
		k = jwk{Type: "RSA", Modulus: base64url.EncodeToString(p.N.Bytes()), Exponent: base64url.EncodeToString(e)}
	case ed25519.PublicKey:
		k = jwk{Type: "OKP", Curve: "Ed25519", X: base64url.EncodeToString(p)}
	default:
		return "", "", fmt.Errorf("signing: unknown key type %T", public)
	}
	canonical, err := json.Marshal(k) // the required members in lexicographic order, as RFC 7638 §3.2 asks
	if err != nil {
		return "", "", err
	}
	sum := sha256.Sum256(canonical)
	k.ID, k.Algorithm, k.Use = base64url.EncodeToString(sum[:]), algorithm, "sig"
	full, err := json.Marshal(k)
	return k.ID, string(full), err
}

// parsePublic reads a JWK that publicJWK wrote; retired keys have nothing else.
func parsePublic(text string) (crypto.PublicKey, error) {
	var k jwk
	if err := json.Unmarshal([]byte(text), &k); err != nil {
		return nil, err
	}
	x, err1 := base64url.DecodeString(k.X)
	y, err2 := base64url.DecodeString(k.Y)
	n, err3 := base64url.DecodeString(k.Modulus)
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, err
	}
	switch k.Type {
	case "EC":
		return ecdsa.ParseUncompressedPublicKey(elliptic.P256(), append(append([]byte{4}, x...), y...))
	case "RSA":
		return rsaPublic(n), nil
	case "OKP":
		if len(x) == ed25519.PublicKeySize {
			return ed25519.PublicKey(x), nil
		}
	}
	return nil, errors.New("signing: not a public key of ours")
}

// prepare fills in what depends on the key material alone.
func (k *key) prepare() error {
	k.headers = make(map[string]string, len(types))
	for _, typ := range types {
		header := fmt.Sprintf(`{"alg":%q,"typ":%q,"kid":%q}`, k.algorithm, typ, k.kid)
		k.headers[typ] = base64url.EncodeToString([]byte(header)) + "."
	}
	k.size = 64
	switch p := k.public.(type) {
	case *rsa.PublicKey:
		k.size = p.Size()
	case *ecdsa.PublicKey, ed25519.PublicKey:
	default:
		return fmt.Errorf("signing: unknown key type %T", p)
	}
	return nil
}

// parsePrivate reads a private key's PKCS#8 form.
func parsePrivate(pkcs8 []byte) (crypto.Signer, error) {
	parsed, err := x509.ParsePKCS8PrivateKey(pkcs8)
	if err != nil {
		return nil, err
	}
	switch p := parsed.(type) {
	case *rsa.PrivateKey:
		p.Precompute() // 100 µs a signature
		return p, nil
	case *ecdsa.PrivateKey:
		return p, nil
	case ed25519.PrivateKey:
		return p, nil
	}
	return nil, fmt.Errorf("signing: unknown key type %T", parsed)
}
