package web

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"

	"portvakt/internal/fault"
)

// ErrBadJSON is the refusal of a body that a script of ours would never send.
var ErrBadJSON = fault.New(fault.Invalid, "bad_json", "The body must be one JSON object with the known members")

const maxJSON = 4 * 1024

// ReadJSON reads what a script of ours has sent: one small object, of the known members only. The media type is demanded
// because a form of another site cannot send it.
func ReadJSON(w http.ResponseWriter, r *http.Request, into any) error {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return ErrBadJSON.Because(err)
	}
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxJSON))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return ErrBadJSON.Because(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return ErrBadJSON
	}
	return nil
}

// WriteJSON answers a script of ours.
func WriteJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

// refusal is the JSON of a refusal: its code, and where to go on if there is somewhere.
type refusal struct {
	Code     string `json:"code"`
	Location string `json:"location,omitempty"`
}

// RefuseJSON answers a script of ours that it gets nothing, and where the page goes on instead, if anywhere. What is no
// refusal is called server_error.
func RefuseJSON(w http.ResponseWriter, err error, location string) {
	f := fault.Of(err)
	code := f.Code
	if f.Kind == fault.Internal {
		code = "server_error"
	}
	if f.Retry > 0 {
		w.Header().Set("Retry-After", "60")
	}
	WriteJSON(w, Status(err), refusal{code, location})
}
