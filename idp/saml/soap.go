package saml

import (
	"io"
	"net/http"

	"portvakt/idp/saml/wire"
	"portvakt/internal/fault"
)

// answerSOAP answers what a service provider asks without a browser; what nobody can be answered is a SOAP fault.
func (h *Handler) answerSOAP(w http.ResponseWriter, r *http.Request, answer func(body []byte) (*wire.Message, error)) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, wire.MaxSOAP))
	if err != nil {
		writeSOAP(w, http.StatusInternalServerError, wire.SOAPFault("The body cannot be read"))
		return
	}
	m, err := answer(body)
	if err == nil {
		var out []byte
		if out, err = m.SOAP(); err == nil {
			writeSOAP(w, http.StatusOK, out)
			return
		}
	}
	text := "Something went wrong"
	if f := fault.Of(err); f.Kind != fault.Internal {
		text = f.Text
	} else {
		h.Log.ErrorContext(r.Context(), "saml: a request by SOAP failed", "path", r.URL.Path, "error", err)
	}
	writeSOAP(w, http.StatusInternalServerError, wire.SOAPFault(text)) // SOAP 1.1 §6.2
}

func writeSOAP(w http.ResponseWriter, status int, body []byte) {
	header := w.Header()
	header["Cache-Control"] = noStore
	header.Set("Pragma", "no-cache")
	header.Set("Content-Type", "text/xml; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}
