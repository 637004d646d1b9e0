package wire

import (
	"compress/flate"
	"io"
	"net/url"
	"strings"
)

// encodingDeflate is the one encoding of the redirect binding (bindings §3.4.4.1).
const encodingDeflate = "urn:oasis:names:tc:SAML:2.0:bindings:URL-Encoding:DEFLATE"

// maxQuery is how long a query string may be that we look at.
const maxQuery = 128 << 10

// querySignature is the signature of the redirect binding, with the octets that it covers as they came.
type querySignature struct {
	octets    string
	algorithm string
	value     []byte
}

// queryValue is one parameter as it came, and decoded.
type queryValue struct{ raw, value string }

// DecodeRedirect reads a message of the HTTP-Redirect binding from the query string exactly as it arrived: its signature
// covers the raw octets, which no decoder gives back (bindings §3.4.4.1).
func DecodeRedirect(rawQuery string) (*Received, error) {
	if len(rawQuery) > maxQuery {
		return nil, refusef(codeSize, "The query is longer than %d octets", maxQuery)
	}
	values, err := splitQuery(rawQuery)
	if err != nil {
		return nil, err
	}
	parameter, message, err := oneMessage(func(name string) (string, bool) {
		v, ok := values[name]
		return v.value, ok
	})
	if err != nil {
		return nil, err
	}
	if e, ok := values["SAMLEncoding"]; ok && e.value != encodingDeflate {
		return nil, refuse(codeEncoding, "The message has another encoding than DEFLATE")
	}
	signature, err := signatureOfQuery(values, parameter)
	if err != nil {
		return nil, err
	}
	packed, err := decodeBase64(strings.ReplaceAll(message, " ", "+")) // a bare + was meant as one
	if err != nil {
		return nil, err
	}
	doc, err := inflate(packed)
	if err != nil {
		return nil, err
	}
	r, err := read(BindingRedirect, parameter, doc)
	if err != nil {
		return nil, err
	}
	if len(all(r.root, nsSignature, "Signature")) > 0 {
		return nil, refuse(codeSignature, "A message by redirect may not hold a signature; it belongs into the query (bindings §3.4.4.1)")
	}
	r.query, r.RelayState = signature, values["RelayState"].value
	return r, nil
}

// splitQuery takes the parameters that mean something to us, each once and by its plain name; others are passed over.
func splitQuery(rawQuery string) (map[string]queryValue, error) {
	values := map[string]queryValue{}
	for pair := range strings.SplitSeq(rawQuery, "&") {
		rawName, raw, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(rawName)
		if err != nil {
			return nil, refuse(codeParameters, "The query is not well-formed")
		}
		switch name {
		case "SAMLRequest", "SAMLResponse", "RelayState", "SigAlg", "Signature", "SAMLEncoding":
		default:
			continue
		}
		value, err := url.QueryUnescape(raw)
		if _, twice := values[name]; twice || err != nil || name != rawName {
			return nil, refusef(codeParameters, "The parameter %s is there twice, or badly encoded", name)
		}
		values[name] = queryValue{raw: raw, value: value}
	}
	return values, nil
}

// oneMessage finds the one message among parameters, and looks at RelayState.
func oneMessage(get func(name string) (string, bool)) (parameter, message string, err error) {
	request, isRequest := get("SAMLRequest")
	response, isResponse := get("SAMLResponse")
	relay, _ := get("RelayState")
	switch {
	case isRequest == isResponse:
		return "", "", refuse(codeParameters, "There must be one SAMLRequest or one SAMLResponse")
	case request+response == "":
		return "", "", refuse(codeParameters, "The message is empty")
	case len(relay) > hardRelayState:
		return "", "", refusef(codeParameters, "The RelayState is longer than %d octets", hardRelayState)
	case isRequest:
		return "SAMLRequest", request, nil
	}
	return "SAMLResponse", response, nil
}

// signatureOfQuery keeps the signature and what it covers; nil if there is none.
func signatureOfQuery(values map[string]queryValue, parameter string) (*querySignature, error) {
	algorithm, hasAlgorithm := values["SigAlg"]
	signature, hasSignature := values["Signature"]
	if hasAlgorithm != hasSignature {
		return nil, refuse(codeSignature, "Of SigAlg and Signature only one is there")
	}
	if !hasSignature {
		return nil, nil
	}
	value, err := decodeBase64(strings.ReplaceAll(signature.value, " ", "+"))
	if err != nil || len(value) == 0 || len(value) > 2048 {
		return nil, refuse(codeSignature, "The signature is not base64")
	}
	octets := parameter + "=" + values[parameter].raw
	if relay, ok := values["RelayState"]; ok {
		octets += "&RelayState=" + relay.raw
	}
	return &querySignature{octets: octets + "&SigAlg=" + algorithm.raw, algorithm: algorithm.value, value: value}, nil
}

// inflate unpacks what was deflated, and stops where a document may be no larger.
//
// Invariant: no more than maxOctets are ever inflated (TestWall049_BombsAreRefusedInLittleMemory).
func inflate(packed []byte) ([]byte, error) {
	r := flate.NewReader(strings.NewReader(string(packed)))
	out, err := io.ReadAll(io.LimitReader(r, maxOctets+1))
	if err != nil {
		return nil, refuse(codeEncoding, "The message is not deflated").Because(err)
	}
	if len(out) > maxOctets {
		return nil, refusef(codeSize, "The message is larger than %d octets", maxOctets)
	}
	return out, nil
}
