package wire

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"errors"
	"io"
	"math/big"
)

// SigningKey is one of our keys with its certificate, and everything of a signature that is known beforehand.
type SigningKey struct {
	signer      crypto.Signer
	certificate []byte
	algorithm   string
	hash        crypto.Hash
	size        int    // of r and of s, for ECDSA
	before      string // of SignedInfo, up to the reference's address
	between     string // from there to the digest
	keyInfo     string
}

// NewSigningKey takes a key and its certificate (DER): RSA signs with SHA-256; a curve with the hash of its size.
func NewSigningKey(signer crypto.Signer, certificate []byte) (*SigningKey, error) {
	parsed, err := x509.ParseCertificate(certificate)
	if err != nil {
		return nil, err
	}
	k := &SigningKey{signer: signer, certificate: parsed.Raw, algorithm: algRSASHA256, hash: crypto.SHA256}
	switch public := signer.Public().(type) {
	case *rsa.PublicKey:
		if public.N.BitLen() < minRSA {
			return nil, errors.New("wire: an RSA key to sign with must have 2048 bits or more")
		}
	case *ecdsa.PublicKey:
		bits := public.Curve.Params().BitSize
		k.size = (bits + 7) / 8
		switch bits {
		case 256:
			k.algorithm = algECDSASHA256
		case 384:
			k.algorithm, k.hash = algECDSASHA384, crypto.SHA384
		case 521:
			k.algorithm, k.hash = algECDSASHA512, crypto.SHA512
		default:
			return nil, errors.New("wire: no such curve signs")
		}
	default:
		return nil, errors.New("wire: only RSA and ECDSA sign")
	}
	if public, ok := signer.Public().(interface{ Equal(crypto.PublicKey) bool }); !ok || !public.Equal(parsed.PublicKey) {
		return nil, errors.New("wire: the certificate is of another key")
	}
	k.before = `><ds:CanonicalizationMethod Algorithm="` + transformExclusive + `"></ds:CanonicalizationMethod>` +
		`<ds:SignatureMethod Algorithm="` + k.algorithm + `"></ds:SignatureMethod><ds:Reference URI="#`
	k.between = `"><ds:Transforms><ds:Transform Algorithm="` + transformEnveloped + `"></ds:Transform>` +
		`<ds:Transform Algorithm="` + transformExclusive + `"></ds:Transform></ds:Transforms>` +
		`<ds:DigestMethod Algorithm="` + digestNames[k.hash] + `"></ds:DigestMethod><ds:DigestValue>`
	k.keyInfo = `<ds:KeyInfo><ds:X509Data><ds:X509Certificate>` + base64.StdEncoding.EncodeToString(parsed.Raw) +
		`</ds:X509Certificate></ds:X509Data></ds:KeyInfo>`
	return k, nil
}

// Certificate is the key's certificate, DER.
func (k *SigningKey) Certificate() []byte { return k.certificate }

// enveloped signs an element of the given ID that was written in two parts, and returns the Signature that belongs between
// them. What is hashed is what was written: it is canonical already.
func (k *SigningKey) enveloped(random io.Reader, id string, head, tail []byte) ([]byte, error) {
	info := writer{b: make([]byte, 0, 2048)}
	info.raw(`<ds:SignedInfo xmlns:ds="` + nsSignature + `"`)
	info.raw(k.before)
	info.raw(id)
	info.raw(k.between)
	info.b = base64.StdEncoding.AppendEncode(info.b, sum(k.hash, head, tail))
	info.raw(`</ds:DigestValue></ds:Reference></ds:SignedInfo>`)
	value, err := k.sign(random, info.b)
	if err != nil {
		return nil, err
	}
	out := writer{b: make([]byte, 0, len(info.b)+len(k.keyInfo)+1024)}
	out.raw(`<ds:Signature xmlns:ds="` + nsSignature + `"><ds:SignedInfo`)
	out.b = append(out.b, info.b[len(`<ds:SignedInfo xmlns:ds="`+nsSignature+`"`):]...)
	out.base64("ds:SignatureValue", value)
	out.raw(k.keyInfo)
	out.raw(`</ds:Signature>`)
	return out.b, nil
}

// sign makes the value of a signature over octets.
func (k *SigningKey) sign(random io.Reader, octets []byte) ([]byte, error) {
	value, err := k.signer.Sign(random, sum(k.hash, octets), k.hash)
	if err != nil || k.size == 0 {
		return value, err
	}
	var pair struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(value, &pair); err != nil {
		return nil, err
	}
	out := make([]byte, 2*k.size)
	pair.R.FillBytes(out[:k.size])
	pair.S.FillBytes(out[k.size:])
	return out, nil
}
