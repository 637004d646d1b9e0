package saml

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"time"

	"portvakt/idp/saml/wire"
	"portvakt/internal/web"
)

const (
	metadataFor   = 14 * 24 * time.Hour // how long a service provider may go by what it has
	metadataEvery = 24 * time.Hour      // how often it should look
	metadataType  = "application/samlmetadata+xml"
)

// document is the metadata of one entity, as it was on one day under one set of keys.
type document struct {
	*web.Document
	of [sha256.Size]byte
}

// metadata serves what service providers must know of us. It is signed, and made anew once a day and when our keys change;
// all nodes make the same octets.
func (h *Handler) metadata(w http.ResponseWriter, r *http.Request, e entity) {
	keys, err := h.Certificates.Of(r.Context(), e.id())
	if err != nil {
		h.page(w, r, err)
		return
	}
	day := h.DB.Now().UTC().Truncate(24 * time.Hour)
	of := sha256.Sum256(append(bytes.Join(keys.Published, nil), day.Format(time.DateOnly)+e.id()...))
	if made, ok := h.documents.Load(e.id()); ok && made.(*document).of == of {
		made.(*document).ServeHTTP(w, r)
		return
	}
	// The ID comes from what the document is made of, so that it is the same everywhere.
	issuer := wire.Issuer{EntityID: e.id(), Key: keys.Present, Random: bytes.NewReader(of[:])}
	body, err := issuer.Metadata(h.describe(e, keys, day))
	if err != nil {
		h.page(w, r, err)
		return
	}
	sum := sha256.Sum256(body)
	d := &document{of: of, Document: web.PreparedAs(metadataType, body, `"`+base64.RawURLEncoding.EncodeToString(sum[:16])+`"`, "public, max-age=3600")}
	h.documents.Store(e.id(), d)
	d.ServeHTTP(w, r)
}

// describe says what this door does, no more.
func (h *Handler) describe(e entity, keys *Keys, day time.Time) wire.Metadata {
	return wire.Metadata{
		Certificates: keys.Published,
		SSO: []wire.Endpoint{
			{Binding: wire.BindingRedirect, Location: e.base + endSSO}, {Binding: wire.BindingPOST, Location: e.base + endSSO},
		},
		SLO: []wire.Endpoint{
			{Binding: wire.BindingRedirect, Location: e.base + endSLO}, {Binding: wire.BindingPOST, Location: e.base + endSLO},
			{Binding: wire.BindingSOAP, Location: e.base + endSLO},
		},
		ArtifactResolution: []wire.Endpoint{{Binding: wire.BindingSOAP, Location: e.base + endArtifact, Index: artifactIndex, Default: true}},
		NameIDFormats:      []string{wire.FormatPersistent, wire.FormatTransient, wire.FormatEmail},
		ValidUntil:         day.Add(metadataFor), CacheDuration: metadataEvery,
		DisplayName: h.Name, Organization: h.Organization, Contacts: h.Contacts,
	}
}
