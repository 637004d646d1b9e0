package interaction

import (
	"bytes"
	"context"
	"crypto/sha256"
	"net/http"
	"strconv"
	"strings"
	"time"

	"portvakt/internal/brand"
	"portvakt/internal/directory"
	"portvakt/internal/fault"
	"portvakt/internal/web"
)

const (
	pathBrand  = "/brand/"
	fileLogo   = "/logo"
	fileAccent = "/accent.css"
)

// brand is how the conversation's pages look: as the organization that is certain, else as the installation.
//
// Invariant: before somebody has shown to be the person, only the organization that the application's request names is
// certain, never one that belongs to the typed address (TestBrandTellsNothingOfAnAddress).
func (s *Service) brand(v *visit) func(context.Context) web.Brand {
	slug := v.certain()
	if slug == "" {
		return nil
	}
	serves := func(directory.OrganizationID) bool { return true }
	if v.client != nil { // an application of others must not speak in this organization's name
		serves = v.client.Gate.Serves
	}
	return func(ctx context.Context) web.Brand { return s.looks(ctx, slug, serves) }
}

// certain is the slug of the organization that the conversation is about; "" while there is none.
func (v *visit) certain() string {
	out := &v.verdict
	switch {
	case v.c.Demand.Needs.Organization != "":
		return v.c.Demand.Needs.Organization
	case out.pass.Valid():
		return out.pass.Standing().Slug
	case out.page == pathInvitation && len(out.invitations) == 1:
		return out.invitations[0].Slug
	}
	for i := range v.standings {
		if st := &v.standings[i]; st.Membership == v.c.State.Membership {
			return st.Slug
		}
	}
	return ""
}

// BrandOf is how pages about the organization look; nil where there is none.
func (s *Service) BrandOf(slug string) func(context.Context) web.Brand {
	if slug == "" {
		return nil
	}
	return func(ctx context.Context) web.Brand {
		return s.looks(ctx, slug, func(directory.OrganizationID) bool { return true })
	}
}

// Sole is the slug of the only organization that lets the person in; "" where there is none or several.
func Sole(standings []directory.Standing, now time.Time) (slug string) {
	for i := range standings {
		if st := &standings[i]; st.ActiveAt(now) {
			if slug != "" {
				return ""
			}
			slug = st.Slug
		}
	}
	return slug
}

// looks reads an organization's brand. A page is shown in any case: what cannot be read is logged.
func (s *Service) looks(ctx context.Context, slug string, serves func(directory.OrganizationID) bool) web.Brand {
	b, err := s.dir.Organizations.BrandOf(ctx, slug)
	if err != nil {
		if !fault.Is(err, fault.NotFound) {
			s.log.ErrorContext(ctx, "brand cannot be read", "error", err)
		}
		return web.Brand{}
	}
	if b.None() || !serves(b.Organization) {
		return web.Brand{}
	}
	shown := web.Brand{Name: b.Name}
	if b.LogoHash != nil {
		shown.Logo = pathBrand + b.Slug + fileLogo + "?v=" + brand.Tag(b.LogoHash)
	}
	if sheet, tag := stylesheet(&b); sheet != nil {
		shown.Accent = pathBrand + b.Slug + fileAccent + "?v=" + tag
	}
	return shown
}

// stylesheet is what sets a page's colours to the organization's, nil where it has none.
func stylesheet(b *directory.Brand) (sheet []byte, tag string) {
	if b.Accent == "" {
		return nil, ""
	}
	p, err := brand.NewPalette(b.Accent)
	if err != nil { // stored under other rules: the installation's colours can be read
		return nil, ""
	}
	sheet = p.Stylesheet()
	sum := sha256.Sum256(sheet)
	return sheet, brand.Tag(sum[:])
}

// brandFile serves logos and stylesheets. The address holds the hash of what it answers, so browsers keep it for good, and
// nobody finds out by guessing which organizations have one.
//
// Invariant: a picture is shown as what it is or not at all, and alone it can run and load nothing
// (TestWall113_LogosAreServedInert).
func (s *Service) brandFile(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		s.pages.Error(w, r, http.StatusMethodNotAllowed, web.Problem{Code: "method_not_allowed"})
		return
	}
	body, kind, err := s.brandBody(r)
	if err != nil {
		if fault.Is(err, fault.NotFound) {
			s.pages.Error(w, r, http.StatusNotFound, web.Problem{Code: "not_found"})
			return
		}
		s.pages.Fault(w, r, err)
		return
	}
	h := w.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox; frame-ancestors 'none'")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Content-Disposition", "inline")
	h.Set("Content-Type", kind)
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method == http.MethodGet {
		_, _ = w.Write(body)
	}
}

func (s *Service) brandBody(r *http.Request) (body []byte, kind string, err error) {
	rest := strings.TrimPrefix(r.URL.Path, pathBrand)
	slug, file, _ := strings.Cut(rest, "/")
	b, err := s.dir.Organizations.BrandOf(r.Context(), slug)
	if err != nil {
		return nil, "", err
	}
	asked := web.One(r.URL.Query(), "v")
	switch "/" + file {
	case fileAccent:
		if sheet, tag := stylesheet(&b); sheet != nil && tag == asked {
			return sheet, "text/css; charset=utf-8", nil
		}
	case fileLogo:
		if b.LogoHash == nil || brand.Tag(b.LogoHash) != asked {
			break
		}
		kind, body, err := s.dir.Organizations.Logo(r.Context(), b.Organization)
		if sum := sha256.Sum256(body); err == nil && !bytes.Equal(sum[:], b.LogoHash) { // changed meanwhile
			err = directory.ErrOrganizationNotFound
		}
		return body, kind, err
	}
	return nil, "", directory.ErrOrganizationNotFound
}
