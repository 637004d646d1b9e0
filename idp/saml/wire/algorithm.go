package wire

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha1" // only where a registration says so
	"crypto/sha256"
	"crypto/sha512"
	"math/big"
)

// The algorithms of XML signatures (RFC 9231). What is not here is refused.
const (
	algRSASHA256   = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
	algRSASHA384   = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha384"
	algRSASHA512   = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512"
	algECDSASHA256 = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"
	algECDSASHA384 = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384"
	algECDSASHA512 = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha512"
	algRSASHA1     = nsSignature + "rsa-sha1"

	digestSHA1   = nsSignature + "sha1"
	digestSHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
	digestSHA384 = "http://www.w3.org/2001/04/xmldsig-more#sha384"
	digestSHA512 = "http://www.w3.org/2001/04/xmlenc#sha512"

	transformEnveloped = nsSignature + "enveloped-signature"
	transformExclusive = "http://www.w3.org/2001/10/xml-exc-c14n#"
)

// signatureAlgorithm is what a name stands for.
type signatureAlgorithm struct {
	hash  crypto.Hash
	ecdsa bool
}

var signatureAlgorithms = map[string]signatureAlgorithm{
	algRSASHA256: {crypto.SHA256, false}, algRSASHA384: {crypto.SHA384, false}, algRSASHA512: {crypto.SHA512, false},
	algECDSASHA256: {crypto.SHA256, true}, algECDSASHA384: {crypto.SHA384, true}, algECDSASHA512: {crypto.SHA512, true},
	algRSASHA1: {crypto.SHA1, false},
}

var digestAlgorithms = map[string]crypto.Hash{
	digestSHA256: crypto.SHA256, digestSHA384: crypto.SHA384, digestSHA512: crypto.SHA512, digestSHA1: crypto.SHA1,
}

// digestNames are the names of the digests that we write.
var digestNames = map[crypto.Hash]string{crypto.SHA256: digestSHA256, crypto.SHA384: digestSHA384, crypto.SHA512: digestSHA512}

// sum hashes octets that stand one after the other.
func sum(hash crypto.Hash, parts ...[]byte) []byte {
	h := sha256.New()
	switch hash {
	case crypto.SHA384:
		h = sha512.New384()
	case crypto.SHA512:
		h = sha512.New()
	case crypto.SHA1:
		h = sha1.New()
	}
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)
}

// check verifies a signature value by the first key that fits.
//
// Invariant: algorithms outside the list, and SHA-1 without the option, are refused before any key is tried
// (TestWall044_AlgorithmsOutsideTheListAreRefused).
func (t Trust) check(name string, octets, signature []byte) error {
	algorithm, known := signatureAlgorithms[name]
	if !known || algorithm.hash == crypto.SHA1 && !t.InsecureSHA1 {
		return refuse(codeAlgorithm, "The signature has an algorithm that is not allowed")
	}
	if len(t.Keys) == 0 {
		return refuse(codeKey, "The message is signed, and the registration has no key to verify it")
	}
	digest := sum(algorithm.hash, octets)
	for _, key := range t.Keys {
		if algorithm.good(key, digest, signature) {
			return nil
		}
	}
	return refuse(codeSignature, "The signature does not fit the message and the registered keys")
}

func (a signatureAlgorithm) good(key VerificationKey, digest, signature []byte) bool {
	switch public := key.public.(type) {
	case *rsa.PublicKey:
		return !a.ecdsa && rsa.VerifyPKCS1v15(public, a.hash, digest, signature) == nil
	case *ecdsa.PublicKey:
		size := (public.Curve.Params().BitSize + 7) / 8
		if !a.ecdsa || len(signature) != 2*size {
			return false
		}
		// r and s side by side (RFC 4050 §3.3), not the ASN.1 that Go speaks.
		r, s := new(big.Int).SetBytes(signature[:size]), new(big.Int).SetBytes(signature[size:])
		return ecdsa.Verify(public, digest, r, s)
	}
	return false
}
