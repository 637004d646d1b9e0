package web

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strconv"
)

//go:embed locales templates static
var files embed.FS

// contentTypes are the kinds of asset that exist; a file of another kind is a mistake found at start.
var contentTypes = map[string]string{
	".css": "text/css; charset=utf-8",
	".js":  "text/javascript; charset=utf-8",
	".svg": "image/svg+xml",
}

type asset struct {
	name, contentType, etag string
	body                    []byte
}

type assets struct {
	byPath map[string]asset
	paths  map[string]string
}

func loadAssets() (*assets, error) {
	entries, err := fs.ReadDir(files, "static")
	if err != nil {
		return nil, err
	}
	a := &assets{byPath: map[string]asset{}, paths: map[string]string{}}
	for _, e := range entries {
		body, err := fs.ReadFile(files, "static/"+e.Name())
		if err != nil {
			return nil, err
		}
		kind, ok := contentTypes[path.Ext(e.Name())]
		if !ok {
			return nil, fmt.Errorf("asset %s: unknown kind of file", e.Name())
		}
		sum := sha256.Sum256(body)
		hash := base64.RawURLEncoding.EncodeToString(sum[:12])
		where := "/assets/" + hash + "/" + e.Name()
		a.byPath[where] = asset{name: e.Name(), contentType: kind, etag: `"` + hash + `"`, body: body}
		a.paths[e.Name()] = where
	}
	return a, nil
}

// address is the asset's path with its hash; a name that does not exist fails the template that asked for it.
func (a *assets) address(name string) (string, error) {
	if where, ok := a.paths[name]; ok {
		return where, nil
	}
	return "", fmt.Errorf("no asset %q", name)
}

// Assets serves everything under /assets/. The address holds the hash of the content, so browsers keep it for good.
func (r *Renderer) Assets() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		a, ok := r.assets.byPath[req.URL.Path]
		if !ok {
			r.Error(w, req, http.StatusNotFound, Problem{Code: "not_found"})
			return
		}
		if req.Method != http.MethodGet && req.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			r.Error(w, req, http.StatusMethodNotAllowed, Problem{Code: "method_not_allowed"})
			return
		}
		r.commonHeaders(w.Header())
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; sandbox; frame-ancestors 'none'")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Content-Type", a.contentType)
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
		h.Set("ETag", a.etag)
		if req.Header.Get("If-None-Match") == a.etag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		h.Set("Content-Length", strconv.Itoa(len(a.body)))
		if req.Method == http.MethodGet {
			_, _ = w.Write(a.body)
		}
	})
}
