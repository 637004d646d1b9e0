package scim

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strings"
)

const (
	configURN       = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"
	resourceTypeURN = "urn:ietf:params:scim:schemas:core:2.0:ResourceType"
)

// document is what a discovery endpoint answers, made once: the same for every organization but for the URLs in it.
type document struct {
	parts [][]byte // with the organization's base URL between them
	tag   string   // strong: of these bytes
}

// here stands in a document where the organization's base URL is to stand. JSON texts have no such character.
const here = "\x7f"

func newDocument(v any) (document, error) {
	text, err := json.Marshal(v)
	sum := sha256.Sum256(text)
	return document{bytes.Split(text, []byte(here)), `"` + hex.EncodeToString(sum[:12]) + `"`}, err
}

// discovery has the documents by the path they are served at, in lower case.
type discovery map[string]document

// newDiscovery makes all documents of what the registry knows.
func newDiscovery(r *registry) (discovery, error) {
	d := discovery{}
	add := func(path string, v any) error {
		doc, err := newDocument(v)
		d[strings.ToLower(path)] = doc
		return err
	}
	if err := add("ServiceProviderConfig", serviceProviderConfig()); err != nil {
		return nil, err
	}
	var types, schemas []any
	for _, t := range r.types() {
		shown := t.shown()
		types = append(types, shown)
		if err := add("ResourceTypes/"+t.name, shown); err != nil {
			return nil, err
		}
		for _, urn := range t.urns {
			shown := r.schemas[urn].ToMap() // the very ones that bodies are validated by
			shown["meta"] = map[string]any{"resourceType": "Schema", "location": here + "/Schemas/" + urn}
			schemas = append(schemas, shown)
			if err := add("Schemas/"+urn, shown); err != nil {
				return nil, err
			}
		}
	}
	if err := add("ResourceTypes", listBody(listResponse{total: int64(len(types)), first: 1, resources: types})); err != nil {
		return nil, err
	}
	return d, add("Schemas", listBody(listResponse{total: int64(len(schemas)), first: 1, resources: schemas}))
}

func serviceProviderConfig() map[string]any {
	supported := func(yes bool) map[string]any { return map[string]any{"supported": yes} }
	return map[string]any{
		"schemas":        []string{configURN},
		"patch":          supported(true),
		"bulk":           map[string]any{"supported": true, "maxOperations": bulkOperations, "maxPayloadSize": wholeBulk.bytes},
		"filter":         map[string]any{"supported": true, "maxResults": maxCount},
		"changePassword": supported(false),
		"sort":           supported(true),
		"etag":           supported(true),
		"pagination": map[string]any{ // RFC 9865 §4
			"cursor": true, "index": true, "defaultPaginationMethod": "index", "defaultPageSize": defaultCount, "maxPageSize": maxCount,
			"cursorTimeout": int(cursorTimeout.Seconds()),
		},
		"authenticationSchemes": []any{map[string]any{
			"type": "oauthbearertoken", "name": "Bearer token", "description": "A token of the organization's provisioning client",
			"specUri": "https://www.rfc-editor.org/rfc/rfc6750", "primary": true,
		}},
		"meta": map[string]any{"resourceType": "ServiceProviderConfig", "location": here + "/ServiceProviderConfig"},
	}
}

// shown is the type as /ResourceTypes has it.
func (t *resourceType) shown() map[string]any {
	shown := map[string]any{
		"schemas": []string{resourceTypeURN}, "id": t.name, "name": t.name, "endpoint": t.endpoint, "description": t.about, "schema": t.urn(),
		"meta": map[string]any{"resourceType": "ResourceType", "location": here + "/ResourceTypes/" + t.name},
	}
	var extensions []any
	for _, urn := range t.urns[1:] {
		extensions = append(extensions, map[string]any{"schema": urn, "required": false})
	}
	if extensions != nil {
		shown["schemaExtensions"] = extensions
	}
	return shown
}

// discover answers with a document. A filter is refused; what else is asked of the answer is left alone (RFC 7644 §4).
func (x *exchange) discover(path string) error {
	if x.query.Has("filter") {
		return refuse(http.StatusForbidden, "", "This endpoint takes no filter")
	}
	doc, ok := x.h.discovery[strings.ToLower(path)]
	if !ok {
		return errNotFound
	}
	header := x.w.Header()
	header.Set("ETag", doc.tag)
	if x.holds(doc.tag) {
		x.notModified()
		return nil
	}
	x.writeBytes(http.StatusOK, bytes.Join(doc.parts, []byte(x.base())))
	return nil
}

func (x *exchange) serviceProviderConfig() error { return x.discover("ServiceProviderConfig") }
func (x *exchange) resourceTypes() error         { return x.discover("ResourceTypes") }
func (x *exchange) resourceType() error          { return x.discover("ResourceTypes/" + x.id) }
func (x *exchange) listSchemas() error           { return x.discover("Schemas") }
func (x *exchange) oneSchema() error             { return x.discover("Schemas/" + x.id) }
