package testenv_test

import (
	"testing"

	"github.com/descope/virtualwebauthn"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"

	"portvakt/internal/testenv"
)

func TestPasskeysHaveWholeCoordinates(t *testing.T) {
	t.Parallel()
	for range 600 {
		key, err := webauthncose.ParsePublicKey(testenv.Passkey(virtualwebauthn.KeyTypeEC2).Key.AttestationData())
		ec2, ok := key.(webauthncose.EC2PublicKeyData)
		if err != nil || !ok || len(ec2.XCoord) != 32 || len(ec2.YCoord) != 32 {
			t.Fatalf("%T, %v: coordinates of %d and %d bytes", key, err, len(ec2.XCoord), len(ec2.YCoord))
		}
	}
}
