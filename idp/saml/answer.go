package saml

import (
	"net/http"

	"portvakt/idp/saml/wire"
	pages "portvakt/idp/web"
)

// send takes an answer to its address: in a form, or as an artifact that the service provider exchanges.
func (h *Handler) send(w http.ResponseWriter, r *http.Request, t *target, m *wire.Message, g *guard) error {
	if t.ACS.Binding != wire.BindingArtifact || t.misbound || !t.provider.proves() {
		return h.post(w, r, t, m)
	}
	artifact, err := h.keep(r, t, m, g)
	if err != nil {
		return err
	}
	w.Header().Set("Location", artifact.URL(t.ACS.Location, t.RelayState))
	w.WriteHeader(http.StatusSeeOther)
	return nil
}

// post writes the page that posts an answer: by a script, or without one by the person's press of a button.
//
// Invariant: RelayState goes back as it came, escaped, to the service provider alone; we follow it nowhere
// (TestWall047_RelayStateIsOnlyHandedBack).
func (h *Handler) post(w http.ResponseWriter, r *http.Request, t *target, m *wire.Message) error {
	form, err := m.Form(t.RelayState)
	if err != nil {
		return err
	}
	fields := []pages.Field{{Name: form.Parameter, Value: form.Value}}
	if form.RelayState != "" {
		fields = append(fields, pages.Field{Name: "RelayState", Value: form.RelayState})
	}
	h.Pages.FormPost(w, r, pages.FormPostView{Application: t.provider.Application.Name, Action: form.Action, Fields: fields})
	return nil
}
