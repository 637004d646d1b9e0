package credential_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"testing"

	"portvakt/idp/credential"
)

const (
	issuer = "https://id.portvakt.example"
	rpID   = "id.portvakt.example"
)

// COSE algorithms (RFC 9053) and flags of authenticator data (WebAuthn §6.1).
const (
	es256, edDSA, es384                = -7, -8, -35
	present, verified, eligible, synch = 0x01, 0x04, 0x08, 0x10
	attested                           = 0x40
)

// authenticator is a key whose every answer can be bent; as it is made it answers as it should.
type authenticator struct {
	t      *testing.T
	id     []byte
	handle []byte
	signer crypto.Signer
	alg    int // as the public key says

	origin, rp string
	flags      byte
	counter    uint32
	client     map[string]any // more client data
	trailing   []byte         // after the authenticator data
	spoil      bool           // the signature
}

func newAuthenticator(t *testing.T, alg int) *authenticator {
	a := &authenticator{t: t, id: make([]byte, 32), alg: alg, origin: issuer, rp: rpID, flags: present | verified}
	_, _ = rand.Read(a.id)
	var err error
	switch alg {
	case edDSA:
		_, a.signer, err = ed25519.GenerateKey(rand.Reader)
	case es384:
		a.signer, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	default:
		a.signer, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// with is a copy that one thing has been bent of.
func (a *authenticator) with(bend func(*authenticator)) *authenticator {
	c := *a
	bend(&c)
	return &c
}

func (a *authenticator) publicKey() []byte {
	alg := byte(0x20 + (-a.alg - 1))
	algBytes := []byte{alg}
	if -a.alg-1 > 23 {
		algBytes = []byte{0x38, byte(-a.alg - 1)}
	}
	if pub, ok := a.signer.Public().(ed25519.PublicKey); ok {
		return append(append(append([]byte{0xa4, 0x01, 0x01, 0x03}, algBytes...), 0x20, 0x06, 0x21, 0x58, 0x20), pub...)
	}
	pub := a.signer.Public().(*ecdsa.PublicKey)
	point, err := pub.Bytes()
	if err != nil {
		a.t.Fatal(err)
	}
	size, curve := (len(point)-1)/2, byte(1)
	if size == 48 {
		curve = 2
	}
	key := append(append([]byte{0xa5, 0x01, 0x02, 0x03}, algBytes...), 0x20, curve, 0x21, 0x58, byte(size))
	key = append(append(key, point[1:1+size]...), 0x22, 0x58, byte(size))
	return append(key, point[1+size:]...)
}

func (a *authenticator) data(flags byte, more []byte) []byte {
	hash := sha256.Sum256([]byte(a.rp))
	out := append(hash[:], flags)
	out = binary.BigEndian.AppendUint32(out, a.counter)
	return append(append(out, more...), a.trailing...)
}

// options is what the browser was given.
type options struct {
	Challenge string `json:"challenge"`
	RPID      string `json:"rpId"`
	User      struct {
		ID   string `json:"id"`
		Name string `json:"name"`
	} `json:"user"`
	Exclude []struct{ ID string } `json:"excludeCredentials"`
	Allow   []struct{ ID string } `json:"allowCredentials"`
}

func read(t *testing.T, c credential.Challenge) (o options) {
	t.Helper()
	if err := json.Unmarshal(c.Options, &o); err != nil {
		t.Fatal(err)
	}
	return o
}

func (a *authenticator) clientData(kind, challenge string) []byte {
	data := map[string]any{"type": kind, "challenge": challenge, "origin": a.origin, "crossOrigin": false}
	for k, v := range a.client {
		data[k] = v
	}
	raw, err := json.Marshal(data)
	if err != nil {
		a.t.Fatal(err)
	}
	return raw
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// register answers a challenge with a new key, without attestation.
func (a *authenticator) register(c credential.Challenge, bound string) credential.Answer {
	a.t.Helper()
	o := read(a.t, c)
	if handle, err := base64.RawURLEncoding.DecodeString(o.User.ID); err == nil && len(handle) > 0 {
		a.handle = handle
	}
	more := append(make([]byte, 16), byte(len(a.id)>>8), byte(len(a.id)))
	more = append(append(more, a.id...), a.publicKey()...)
	data := a.data(a.flags|attested, more)
	object := append([]byte{0xa3, 0x63}, "fmt"...)
	object = append(append(object, 0x64), "none"...)
	object = append(append(object, 0x67), "attStmt"...)
	object = append(append(append(object, 0xa0), 0x68), "authData"...)
	object = append(binary.BigEndian.AppendUint16(append(object, 0x59), uint16(len(data))), data...)
	return a.answer(c, bound, map[string]any{
		"clientDataJSON": b64(a.clientData("webauthn.create", o.Challenge)), "attestationObject": b64(object), "transports": []string{"internal"},
	})
}

// sign answers a challenge with the key.
func (a *authenticator) sign(c credential.Challenge, bound string) credential.Answer {
	a.t.Helper()
	data, client := a.data(a.flags, nil), a.clientData("webauthn.get", read(a.t, c).Challenge)
	hash := sha256.Sum256(client)
	message := append(append([]byte{}, data...), hash[:]...)
	var signature []byte
	var err error
	switch a.signer.(type) {
	case ed25519.PrivateKey:
		signature, err = a.signer.Sign(rand.Reader, message, crypto.Hash(0))
	default:
		digest := sha256.Sum256(message)
		signature, err = a.signer.Sign(rand.Reader, digest[:], crypto.SHA256)
	}
	if err != nil {
		a.t.Fatal(err)
	}
	if a.spoil {
		signature[len(signature)-1] ^= 1
	}
	return a.answer(c, bound, map[string]any{
		"clientDataJSON": b64(client), "authenticatorData": b64(data), "signature": b64(signature), "userHandle": b64(a.handle),
	})
}

func (a *authenticator) answer(c credential.Challenge, bound string, response map[string]any) credential.Answer {
	raw, err := json.Marshal(map[string]any{
		"id": b64(a.id), "rawId": b64(a.id), "type": "public-key", "response": response, "clientExtensionResults": map[string]any{},
	})
	if err != nil {
		a.t.Fatal(err)
	}
	return credential.Answer{Ceremony: c.Ceremony.String(), Credential: string(raw), Bound: bound}
}
