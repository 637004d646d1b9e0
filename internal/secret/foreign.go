package secret

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/crypto/argon2"
)

// ImportHash reads a hash that another system made and writes it in our spelling. It knows bcrypt ($2a$, $2b$, $2y$),
// argon2id, scrypt and PBKDF2 with SHA-1, SHA-256 or SHA-512 as PHC strings, as passlib, Django and Keycloak (a credential of
// a realm's export, in JSON) write them. What would cost too much to compute is ErrHashTooCostly.
func ImportHash(text string) (string, error) {
	text = strings.TrimSpace(text)
	if len(text) > 4096 {
		return "", errHash
	}
	spelled, err := "", error(nil)
	switch name, rest, _ := strings.Cut(text, "$"); {
	case strings.HasPrefix(text, "{"):
		spelled, err = fromKeycloak(text)
	case name == "argon2", name == "bcrypt": // Django: its own name before the hash
		spelled = "$" + strings.TrimPrefix(rest, "$")
	case strings.HasPrefix(name, "pbkdf2_"), name == "scrypt":
		spelled, err = fromDjango(name, rest)
	case name == "":
		spelled, err = fromPHC(text)
	default:
		err = errHash
	}
	if err != nil {
		return "", err
	}
	s, err := parse(spelled)
	if err != nil {
		return "", err
	}
	return s.String(), nil
}

// fromPHC straightens how passlib and others write what we write too: base64 with "." for "+", PBKDF2 without the result's
// length or with a bare number of iterations, and as pbkdf2 alone for SHA-1.
func fromPHC(text string) (string, error) {
	parts := strings.Split(text, "$")
	if len(parts) != 5 || !strings.HasPrefix(parts[1], "pbkdf2") && parts[1] != "scrypt" {
		return text, nil
	}
	for i := range parts[3:] {
		parts[3+i] = strings.TrimRight(strings.ReplaceAll(parts[3+i], ".", "+"), "=")
	}
	if parts[1] == "scrypt" {
		return strings.Join(parts, "$"), nil
	}
	if parts[1] == "pbkdf2" {
		parts[1] = "pbkdf2-sha1"
	}
	iterations, _, _ := strings.Cut(strings.TrimPrefix(parts[2], "i="), ",")
	key, err := base64.RawStdEncoding.DecodeString(parts[4])
	if err != nil {
		return "", errHash
	}
	parts[2] = fmt.Sprintf("i=%s,l=%d", iterations, len(key))
	return strings.Join(parts, "$"), nil
}

// fromDjango reads pbkdf2_sha256$ITERATIONS$SALT$KEY and scrypt$N$SALT$R$P$KEY, whose salts are plain text.
func fromDjango(name, rest string) (string, error) {
	parts := strings.Split(rest, "$")
	salt := func(s string) string { return base64.RawStdEncoding.EncodeToString([]byte(s)) }
	if digest, ok := strings.CutPrefix(name, "pbkdf2_"); ok && len(parts) == 3 {
		return fromPHC("$pbkdf2-" + digest + "$" + parts[0] + "$" + salt(parts[1]) + "$" + parts[2])
	}
	if len(parts) != 5 || name != "scrypt" {
		return "", errHash
	}
	n, err := strconv.ParseUint(parts[0], 10, 32)
	if err != nil {
		return "", errHash
	}
	ln := 0
	for 1<<ln < n {
		ln++
	}
	if 1<<ln != n {
		return "", errHash
	}
	return fmt.Sprintf("$scrypt$ln=%d,r=%s,p=%s$%s$%s", ln, parts[2], parts[3], salt(parts[1]), strings.TrimRight(parts[4], "=")), nil
}

// fromKeycloak reads a credential of type password; the two data are JSON inside of strings there.
func fromKeycloak(text string) (string, error) {
	var credential struct {
		SecretData     nested `json:"secretData"`
		CredentialData nested `json:"credentialData"`
	}
	var hashed struct{ Value, Salt string }
	var how struct {
		HashIterations       uint32              `json:"hashIterations"`
		Algorithm            string              `json:"algorithm"`
		AdditionalParameters map[string][]string `json:"additionalParameters"`
	}
	if json.Unmarshal([]byte(text), &credential) != nil || json.Unmarshal(credential.SecretData, &hashed) != nil ||
		json.Unmarshal(credential.CredentialData, &how) != nil {
		return "", errHash
	}
	salt, key := strings.TrimRight(hashed.Salt, "="), strings.TrimRight(hashed.Value, "=")
	if how.Algorithm != "argon2" {
		return fromPHC(fmt.Sprintf("$%s$%d$%s$%s", how.Algorithm, how.HashIterations, salt, key))
	}
	parameter := func(name string) string { return strings.Join(how.AdditionalParameters[name], " ") }
	if parameter("type") != "id" || parameter("version") != "1.3" {
		return "", errHash
	}
	return fmt.Sprintf("$argon2id$v=%d$m=%s,t=%d,p=%s$%s$%s", argon2.Version, parameter("memory"), how.HashIterations, parameter("parallelism"), salt, key), nil
}

// nested is JSON that stands in a JSON string, or plainly.
type nested json.RawMessage

// UnmarshalJSON unwraps the string.
func (n *nested) UnmarshalJSON(data []byte) error {
	var text string
	if json.Unmarshal(data, &text) == nil {
		data = []byte(text)
	}
	*n = append((*n)[:0], data...)
	return nil
}
