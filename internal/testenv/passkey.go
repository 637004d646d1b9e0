package testenv

import "github.com/descope/virtualwebauthn"

// wholeEC2 is the length of an EC2 key in COSE whose two coordinates have all their 32 bytes.
const wholeEC2 = 77

// Passkey is a new credential of a virtual authenticator. That library drops the leading zeros of a coordinate, which makes
// one EC2 key in 128 malformed (RFC 9053, section 7.1.1); another is made then.
func Passkey(kind virtualwebauthn.KeyType) virtualwebauthn.Credential {
	for {
		made := virtualwebauthn.NewCredential(kind)
		if kind != virtualwebauthn.KeyTypeEC2 || len(made.Key.AttestationData()) == wholeEC2 {
			return made
		}
	}
}
