package credential_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-webauthn/webauthn/protocol/webauthncbor"

	"portvakt/idp/credential"
	"portvakt/internal/directory"
	"portvakt/internal/ratelimit"
	"portvakt/internal/secret"
)

const model = "0132d110-bf4e-4208-a403-ab4f5f12efe5"

var modelBytes = []byte{0x01, 0x32, 0xd1, 0x10, 0xbf, 0x4e, 0x42, 0x08, 0xa4, 0x03, 0xab, 0x4f, 0x5f, 0x12, 0xef, 0xe5}

// house is a certificate with its key: a root, or something below one.
type house struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newHouse(t *testing.T, name string, above *house) *house {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	made := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), NotBefore: time.Now().AddDate(-20, 0, 0), NotAfter: time.Now().AddDate(20, 0, 0),
		Subject:               pkix.Name{Country: []string{"NO"}, Organization: []string{"Test"}, OrganizationalUnit: []string{"Authenticator Attestation"}, CommonName: name},
		BasicConstraintsValid: true, IsCA: above == nil, DNSNames: []string{name},
	}
	h := &house{key: key}
	by, signer := made, key
	if above != nil {
		by, signer = above.cert, above.key
	}
	der, err := x509.CreateCertificate(rand.Reader, made, by, key.Public(), signer)
	if err == nil {
		h.cert, err = x509.ParseCertificate(der)
	}
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *house) pem() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: h.cert.Raw})
}

// blob is metadata of one model, signed by the house under the root.
func (h *house) blob(t *testing.T, maker *house, statuses ...string) string {
	t.Helper()
	var reports []map[string]any
	for _, s := range statuses {
		reports = append(reports, map[string]any{"status": s, "effectiveDate": "2024-01-01"})
	}
	payload, err := json.Marshal(map[string]any{"legalHeader": "x", "no": 7, "nextUpdate": "2026-06-01", "entries": []any{map[string]any{
		"aaguid": model, "timeOfLastStatusChange": "2024-01-01", "statusReports": reports, "metadataStatement": map[string]any{
			"aaguid": model, "description": "A key", "protocolFamily": "fido2", "schema": 3, "authenticatorVersion": 1,
			"attestationTypes": []string{"basic_full", "basic_surrogate"}, "attestationRootCertificates": []string{base64.StdEncoding.EncodeToString(maker.cert.Raw)},
		}}}})
	if err != nil {
		t.Fatal(err)
	}
	header, err := json.Marshal(map[string]any{"alg": "ES256", "x5c": [][]byte{h.cert.Raw}})
	if err != nil {
		t.Fatal(err)
	}
	text := b64(header) + "." + b64(payload)
	sum := sha256.Sum256([]byte(text))
	r, s, err := ecdsa.Sign(rand.Reader, h.key, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return text + "." + b64(append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...))
}

// attest turns an answer without attestation into one of the model, signed by signer; certificates: none is by the key itself.
func (a *authenticator) attest(answer credential.Answer, signer crypto.Signer, certificates ...*x509.Certificate) credential.Answer {
	a.t.Helper()
	var all map[string]any
	if err := json.Unmarshal([]byte(answer.Credential), &all); err != nil {
		a.t.Fatal(err)
	}
	response := all["response"].(map[string]any)
	client, _ := base64.RawURLEncoding.DecodeString(response["clientDataJSON"].(string))
	object, _ := base64.RawURLEncoding.DecodeString(response["attestationObject"].(string))
	data := slices.Clone(object[strings.Index(string(object), "authData")+len("authData")+3:])
	copy(data[37:53], modelBytes)
	hash := sha256.Sum256(client)
	sum := sha256.Sum256(append(slices.Clone(data), hash[:]...))
	signature, err := signer.Sign(rand.Reader, sum[:], crypto.SHA256)
	if err != nil {
		a.t.Fatal(err)
	}
	statement := map[string]any{"alg": es256, "sig": signature}
	if len(certificates) > 0 {
		var chain [][]byte
		for _, c := range certificates {
			chain = append(chain, c.Raw)
		}
		statement["x5c"] = chain
	}
	made, err := webauthncbor.Marshal(map[string]any{"fmt": "packed", "attStmt": statement, "authData": data})
	if err != nil {
		a.t.Fatal(err)
	}
	response["attestationObject"] = b64(made)
	raw, err := json.Marshal(all)
	if err != nil {
		a.t.Fatal(err)
	}
	answer.Credential = string(raw)
	return answer
}

func TestMetadataIsSigned(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	root, maker := newHouse(t, "root", nil), newHouse(t, "maker", nil)
	signer := newHouse(t, "mds.fidoalliance.org", root)
	good := signer.blob(t, maker, "FIDO_CERTIFIED")
	m, err := credential.ReadMakers([]byte(good+"\n"), root.pem(), now)
	if err != nil || m.Number != 7 || m.Models != 1 || m.Unread != 0 || m.Stale(now) || !m.Stale(now.AddDate(0, 2, 0)) {
		t.Fatalf("%+v, %v", m, err)
	}
	parts := strings.Split(good, ".")
	other := strings.Split(signer.blob(t, newHouse(t, "thief", nil)), ".")
	none := b64([]byte(`{"alg":"none","x5c":["` + base64.StdEncoding.EncodeToString(signer.cert.Raw) + `"]}`))
	for what, blob := range map[string]string{
		"another content": parts[0] + "." + other[1] + "." + parts[2], "no signature": parts[0] + "." + parts[1] + ".", "no algorithm": none + "." + parts[1] + ".",
		"another root": newHouse(t, "mds.fidoalliance.org", newHouse(t, "root", nil)).blob(t, maker), "its own root": newHouse(t, "mds.fidoalliance.org", nil).blob(t, maker),
		"no chain": b64([]byte(`{"alg":"ES256"}`)) + "." + parts[1] + "." + parts[2], "no JWS": "{}", "nothing": "",
	} {
		if _, err := credential.ReadMakers([]byte(blob), root.pem(), now); err == nil {
			t.Errorf("%s is believed", what)
		}
	}
	for what, pem := range map[string][]byte{"the FIDO Alliance's root": nil, "no certificate": []byte("x")} {
		if _, err := credential.ReadMakers([]byte(good), pem, now); err == nil {
			t.Errorf("believed under %s", what)
		}
	}
	if _, err := credential.ReadMakers([]byte(good), root.pem(), now.AddDate(40, 0, 0)); err == nil {
		t.Error("believed after the certificate's end")
	}
}

// TestAttestedKeys: where they are demanded, only those are stored that their maker vouches for, and what is known of the
// model today decides what a stored one is worth.
func TestAttestedKeys(t *testing.T) {
	root, maker := newHouse(t, "root", nil), newHouse(t, "maker", nil)
	signer, batch := newHouse(t, "mds.fidoalliance.org", root), newHouse(t, "batch", maker)
	thief := newHouse(t, "thief", newHouse(t, "maker", nil))
	withKeys(t, func(t *testing.T, e *env) {
		knowing := func(statuses ...string) {
			t.Helper()
			m, err := credential.ReadMakers([]byte(signer.blob(t, maker, statuses...)), root.pem(), e.db.Now())
			if err != nil {
				t.Fatal(err)
			}
			e.Credentials = credential.New(e.db, secret.NewPasswords(secret.Params{Memory: 64, Time: 1, Lanes: 1}), e.keys, ratelimit.New(e.db), credential.Config{Issuer: issuer, Makers: m})
		}
		knowing("FIDO_CERTIFIED")
		kari := e.person("kari@nordlys.example")
		bare := newAuthenticator(t, es256)
		e.key(kari, bare, true) // before the policy
		if c := e.toRegister(kari, true); strings.Contains(string(c.Options), `"direct"`) {
			t.Errorf("attestation is asked for where nobody demands it: %s", c.Options)
		}
		if _, err := e.db.Exec(ctx, `update organizations set key_policy = $1`, string(directory.KeysAttested)); err != nil {
			t.Fatal(err)
		}
		if c := e.toRegister(kari, true); !strings.Contains(string(c.Options), `"attestation":"direct"`) {
			t.Errorf("no attestation is asked for: %s", c.Options)
		}
		tried := newAuthenticator(t, es256)
		for what, bend := range map[string]func(credential.Answer) credential.Answer{
			"without attestation": func(a credential.Answer) credential.Answer { return a },
			"by the key itself":   func(a credential.Answer) credential.Answer { return tried.attest(a, tried.signer) },
			"of another maker":    func(a credential.Answer) credential.Answer { return tried.attest(a, thief.key, thief.cert) },
			"signed by another":   func(a credential.Answer) credential.Answer { return tried.attest(a, thief.key, batch.cert) },
		} {
			_, got, err := e.FinishRegistration(kari, bend(tried.register(e.toRegister(kari, true), browser)), "")
			if err == nil || got != (credential.Evidence{}) || what != "signed by another" && !errors.Is(err, credential.ErrKeyAttested) {
				t.Errorf("%s: %+v, %v", what, got, err)
			}
		}
		a := newAuthenticator(t, es256)
		_, got, err := e.FinishRegistration(kari, a.attest(a.register(e.toRegister(kari, true), browser), batch.key, batch.cert), "")
		if err != nil || !got.Attested || !slices.Contains(got.AMR(), credential.AMRAttested) {
			t.Fatalf("%+v, %v", got, err)
		}
		worth := func(when string, key *authenticator, want bool) {
			t.Helper()
			got, err := e.signIn(key)
			if err != nil || got.Attested != want || slices.Contains(got.AMR(), credential.AMRAttested) != want {
				t.Errorf("%s: %+v, %v", when, got, err)
			}
		}
		worth("attested", a, true)
		worth("attested, used again", a, true)
		worth("made before", bare, false)
		for _, bad := range []string{"REVOKED", "USER_KEY_PHYSICAL_COMPROMISE", "ATTESTATION_KEY_COMPROMISE", "USER_VERIFICATION_BYPASS"} {
			knowing("FIDO_CERTIFIED", bad)
			worth(bad, a, false)
			b := newAuthenticator(t, es256)
			if _, _, err := e.FinishRegistration(kari, b.attest(b.register(e.toRegister(kari, true), browser), batch.key, batch.cert), ""); !errors.Is(err, credential.ErrKeyAttested) {
				t.Errorf("a new key of a model that is %s: %v", bad, err)
			}
		}
		e.Credentials = credential.New(e.db, secret.NewPasswords(secret.Params{Memory: 64, Time: 1, Lanes: 1}), e.keys, ratelimit.New(e.db), credential.Config{Issuer: issuer})
		worth("without metadata", a, false)
	})
}
