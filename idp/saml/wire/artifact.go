package wire

import (
	"crypto/sha1" // the format of artifacts prescribes it (bindings §3.6.4.2); nothing rests on it
	"encoding/base64"
	"encoding/binary"
	"io"
	"net/url"
	"strings"
	"time"
)

// artifactType is the one type of artifacts that SAML 2.0 defines.
const artifactType = 4

// Artifact stands for a message that waits to be asked for. Its handle is a secret: 160 random bits.
type Artifact struct {
	Endpoint int // the index of our artifact resolution service
	Source   [20]byte
	Handle   [20]byte
}

// NewArtifact makes an artifact of this issuer.
func (i Issuer) NewArtifact(endpoint int) (Artifact, error) {
	a := Artifact{Endpoint: endpoint, Source: sha1.Sum([]byte(i.EntityID))}
	_, err := io.ReadFull(i.random(), a.Handle[:])
	return a, err
}

// Issues reports whether an artifact names this issuer as its source.
func (i Issuer) Issues(a Artifact) bool { return a.Source == sha1.Sum([]byte(i.EntityID)) }

// String is the artifact as it travels.
func (a Artifact) String() string {
	b := make([]byte, 0, 44)
	b = binary.BigEndian.AppendUint16(b, artifactType)
	b = binary.BigEndian.AppendUint16(b, uint16(a.Endpoint))
	return base64.StdEncoding.EncodeToString(append(append(b, a.Source[:]...), a.Handle[:]...))
}

// URL sends the browser to a service provider with the artifact.
func (a Artifact) URL(acs, relayState string) string {
	join := "?"
	if strings.Contains(acs, "?") {
		join = "&"
	}
	out := acs + join + "SAMLart=" + url.QueryEscape(a.String())
	if relayState != "" {
		out += "&RelayState=" + url.QueryEscape(relayState)
	}
	return out
}

// ParseArtifact reads an artifact of type 4.
func ParseArtifact(s string) (Artifact, error) {
	b, err := base64.StdEncoding.Strict().DecodeString(s)
	if err != nil || len(b) != 44 || binary.BigEndian.Uint16(b) != artifactType {
		return Artifact{}, refuse(codeMessage, "This is no artifact of type 4")
	}
	a := Artifact{Endpoint: int(binary.BigEndian.Uint16(b[2:]))}
	copy(a.Source[:], b[4:])
	copy(a.Handle[:], b[24:])
	return a, nil
}

// ArtifactResolve asks for the message that an artifact stands for (core §3.5.1).
type ArtifactResolve struct {
	Header
	Artifact Artifact
}

// ArtifactResolve verifies the message and reads it.
func (r *Received) ArtifactResolve(e Expect) (*ArtifactResolve, error) {
	root, header, err := r.proveKind(e, KindArtifactResolve)
	if err != nil {
		return nil, err
	}
	el, err := only(root, nsProtocol, "Artifact")
	if err != nil {
		return nil, err
	}
	if el == nil {
		return nil, refuse(codeMessage, "The request names no artifact")
	}
	s, err := text(el)
	if err != nil {
		return nil, err
	}
	artifact, err := ParseArtifact(s)
	return &ArtifactResolve{Header: header, Artifact: artifact}, err
}

// ArtifactResponse answers an ArtifactResolve: with what Message.XML gave, or with nothing. The latter is a success too:
// whoever asks for an artifact that is not theirs or was used learns no more (core §3.5.3).
func (i Issuer) ArtifactResponse(inResponseTo string, now time.Time, message []byte) (*Message, error) {
	return i.artifactResponse(inResponseTo, now, StatusSuccess, message)
}

// RefuseArtifact answers an ArtifactResolve that was no proper request.
func (i Issuer) RefuseArtifact(inResponseTo string, now time.Time, status Status) (*Message, error) {
	return i.artifactResponse(inResponseTo, now, status, nil)
}

func (i Issuer) artifactResponse(inResponseTo string, now time.Time, status Status, message []byte) (*Message, error) {
	m, w, err := i.open(opening{kind: KindArtifactResponse, inResponseTo: inResponseTo, now: now})
	if err != nil {
		return nil, err
	}
	w.status(status)
	w.b = append(w.b, undeclareProtocol(message)...)
	return m.close(w), nil
}

// undeclareProtocol takes away the declaration that the response around it makes: in canonical form it stands once.
func undeclareProtocol(message []byte) []byte {
	before, after, ok := strings.Cut(string(message), ` xmlns:samlp="`+nsProtocol+`"`)
	if !ok {
		return message
	}
	return []byte(before + after)
}
