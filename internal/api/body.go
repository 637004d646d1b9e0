package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"portvakt/internal/fault"
)

const maxBody = 64 << 10

// object is a body: its members by name, unread.
type object map[string]json.RawMessage

// readObject reads one JSON object strictly: the known names, each once, in this spelling, and nothing behind it. No body is
// an empty object.
func (x *exchange) readObject(known ...string) (object, error) {
	raw, err := io.ReadAll(http.MaxBytesReader(x.w, x.r.Body, maxBody))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, errTooLarge
	case err != nil:
		return nil, errBody.Because(err)
	case len(raw) == 0:
		return object{}, nil
	}
	kind, _, err := mime.ParseMediaType(x.r.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" {
		return nil, errMedia
	}
	return parseObject(raw, known)
}

func parseObject(raw []byte, known []string) (object, error) {
	if !utf8.Valid(raw) {
		return nil, errBody
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, errBody
	}
	o := object{}
	for d.More() {
		t, err := d.Token()
		name, ok := t.(string)
		if err != nil || !ok {
			return nil, errBody
		}
		if _, twice := o[name]; twice || !slices.Contains(known, name) {
			return nil, fault.New(fault.Invalid, "unknown_field", "The body has a name that is not known here, or the same name twice").On(shortened(name))
		}
		var value json.RawMessage
		if d.Decode(&value) != nil {
			return nil, errBody
		}
		o[name] = value
	}
	if _, err := d.Token(); err != nil {
		return nil, errBody
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errBody
	}
	return o, nil
}

func shortened(s string) string {
	if len(s) > 40 {
		return strings.ToValidUTF8(s[:40], "")
	}
	return s
}

// text is a member that is a text of at most so many bytes, without control characters; "" where it is absent.
func (o object) text(name string, most int) (string, error) {
	raw, there := o[name]
	if !there {
		return "", nil
	}
	var s *string
	if json.Unmarshal(raw, &s) != nil || s == nil || len(*s) > most || strings.ContainsFunc(*s, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return "", fault.Newf(fault.Invalid, "bad_text", "It is a text of at most %d bytes without control characters", most).On(name)
	}
	return *s, nil
}

// number is a member that is a whole number; fallback where it is absent.
func (o object) number(name string, fallback int64) (int64, error) {
	raw, there := o[name]
	if !there {
		return fallback, nil
	}
	var n *int64
	if json.Unmarshal(raw, &n) != nil || n == nil || *n < 0 {
		return 0, fault.New(fault.Invalid, "bad_number", "It is a whole number, not below 0").On(name)
	}
	return *n, nil
}
