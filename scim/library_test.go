package scim

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	elimity "github.com/elimity-com/scim"
)

// TestTheLibrarysServerSaysTheSame: what we have validated by the library's functions, its own server refuses in the same words,
// and takes where they do. Every attribute that can be written, and every part of one, gets values of every sort.
func TestTheLibrarysServerSaysTheSame(t *testing.T) {
	t.Parallel()
	r := testRegistry(t)
	for _, typ := range r.types() {
		server := librarysServer(t, r, typ)
		said := map[bool]int{}
		check := func(method, path string, body any, ours error) {
			t.Helper()
			var is refusal
			errors.As(ours, &is)
			if theirs := server(method, path, body); theirs != is {
				t.Errorf("%s %s %v: we say %+v, the library's server %+v", method, path, body, is, theirs)
			}
			said[ours == nil]++
		}
		for _, p := range r.writable(typ) {
			for _, v := range sorts() {
				step := map[string]any{"op": "add", "path": p.String(), "value": v} // replace goes the same way there and here
				check("PATCH", "/1", map[string]any{"schemas": []any{patchURN}, "Operations": []any{step}}, fitting([]operation{{"add", target{place: p}, v}}))
				if p.sub == nil {
					body := map[string]any{"schemas": []any{typ.urn()}, "userName": "x", "displayName": "x"}
					at := body
					if p.urn != typ.urn() {
						at = map[string]any{}
						body[p.urn] = at
					}
					at[p.attr.name] = v
					check("POST", "", body, typ.fits(body))
				}
			}
			step := map[string]any{"op": "remove", "path": p.String()}
			check("PATCH", "/1", map[string]any{"schemas": []any{patchURN}, "Operations": []any{step}}, fitting([]operation{{"remove", target{place: p}, nil}}))
		}
		for _, body := range []map[string]any{{}, {"schemas": []any{typ.urn()}}, {"schemas": []any{patchURN}, "userName": "x", "displayName": "x"}} {
			check("POST", "", body, typ.fits(body))
		}
		if said[true] < 20 || said[false] < 20 {
			t.Errorf("of %s only %d were refused, %d taken", typ.name, said[false], said[true])
		}
	}
}

// writable are the places that a PATCH of a resource of the type may name.
func (r *registry) writable(t *resourceType) (all []place) {
	for _, urn := range t.urns {
		for _, name := range slices.Sorted(maps.Keys(r.attributes[urn])) {
			a := r.attributes[urn][name]
			if a.mutability != "readWrite" {
				continue
			}
			all = append(all, place{urn: urn, attr: a})
			for _, sub := range a.sorted {
				if sub.mutability == "readWrite" {
					all = append(all, place{urn, a, sub})
				}
			}
		}
	}
	return all
}

// sorts are values of every sort that a straightened body may hold, alone and in lists.
func sorts() (all []any) {
	alone := []any{"text", "", "2026-01-31T12:00:00Z", "QUJD", true, json.Number("7"), map[string]any{}, map[string]any{"value": "text"}, map[string]any{"value": true},
		map[string]any{"primary": "yes"}, map[string]any{"module": "invoices"}, map[string]any{"module": "invoices", "grade": "edit"}, map[string]any{"role": json.Number("1")}}
	all = append(slices.Clone(alone), []any{}, []any{"text", true})
	for _, v := range alone {
		all = append(all, []any{v})
	}
	return all
}

// takes answers the library's server where that has refused nothing; it is asked for nothing else.
type takes struct{ elimity.ResourceHandler }

func (takes) Create(*http.Request, elimity.ResourceAttributes) (elimity.Resource, error) {
	return elimity.Resource{ID: "1"}, nil
}

func (takes) Patch(*http.Request, string, []elimity.PatchOperation) (elimity.Resource, error) {
	return elimity.Resource{ID: "1"}, nil
}

// librarysServer is the library's server of one type: what it refuses a request with, nothing where it takes it.
func librarysServer(t *testing.T, r *registry, typ *resourceType) func(method, path string, body any) refusal {
	is := elimity.ResourceType{Name: typ.name, Endpoint: typ.endpoint, Schema: r.schemas[typ.urn()], Handler: takes{}}
	for _, s := range typ.extensions {
		is.SchemaExtensions = append(is.SchemaExtensions, elimity.SchemaExtension{Schema: s})
	}
	server, err := elimity.NewServer(&elimity.ServerArgs{ServiceProviderConfig: &elimity.ServiceProviderConfig{}, ResourceTypes: []elimity.ResourceType{is}})
	if err != nil {
		t.Fatal(err)
	}
	return func(method, path string, body any) (said refusal) {
		raw, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		rec := httptest.NewRecorder()
		server.ServeHTTP(rec, httptest.NewRequest(method, typ.endpoint+path, bytes.NewReader(raw)))
		if rec.Code < 300 {
			return said
		}
		if err := json.Unmarshal(rec.Body.Bytes(), &said); err != nil {
			t.Fatal(err)
		}
		return said
	}
}
