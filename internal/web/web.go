package web

import (
	"cmp"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"strings"
)

// Config is what a Renderer needs from its house; the zero value serves pages over plain http and logs to slog.Default.
type Config struct {
	Name      string                     // of the installation, in titles and above the pages; "": Portvakt
	Issuer    string                     // the installation's address; https switches Strict-Transport-Security on
	Locales   []fs.FS                    // further catalogues, each with locales/{en,nb,sv,de}.json
	RequestID func(*http.Request) string // shown on error pages so that support can find the log line
	Log       *slog.Logger
}

// Renderer writes pages. It is immutable after New and shared by all requests.
type Renderer struct {
	name      string
	texts     *Catalogue
	assets    *assets
	secure    bool
	requestID func(*http.Request) string
	log       *slog.Logger
	errorPage *Template
}

// New reads the catalogues, hashes the assets and parses the layout.
func New(c Config) (*Renderer, error) {
	texts, err := LoadCatalogue(append([]fs.FS{files}, c.Locales...)...)
	if err != nil {
		return nil, err
	}
	static, err := loadAssets()
	if err != nil {
		return nil, err
	}
	r := &Renderer{name: cmp.Or(c.Name, "Portvakt"), texts: texts, assets: static, secure: strings.HasPrefix(c.Issuer, "https://"), requestID: c.RequestID, log: c.Log}
	if r.log == nil {
		r.log = slog.Default()
	}
	if r.requestID == nil {
		r.requestID = func(*http.Request) string { return "" }
	}
	if r.errorPage, err = r.Template(files, "templates/error.html"); err != nil {
		return nil, fmt.Errorf("error page: %w", err)
	}
	return r, nil
}

// Texts is the catalogue of all languages, for callers that need a sentence outside a page.
func (r *Renderer) Texts() *Catalogue { return r.texts }
