package signing

import (
	"crypto/elliptic"
	"crypto/rsa"
	"math/big"
)

// The order of P-256 and half of it.
var (
	order     = elliptic.P256().Params().N
	halfOrder = new(big.Int).Rsh(order, 1)
)

func rsaPublic(modulus []byte) *rsa.PublicKey {
	return &rsa.PublicKey{N: new(big.Int).SetBytes(modulus), E: 65537}
}
