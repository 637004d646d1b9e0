package scim

import (
	"net/http"
	"strings"

	"github.com/elimity-com/scim/schema"
)

const (
	configURN       = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"
	resourceTypeURN = "urn:ietf:params:scim:schemas:core:2.0:ResourceType"
)

// unfiltered refuses a filter on a discovery endpoint (RFC 7644 §4).
func (x *exchange) unfiltered() error {
	if x.query.Has("filter") {
		return refuse(http.StatusForbidden, "", "This endpoint takes no filter")
	}
	return nil
}

func (x *exchange) serviceProviderConfig() error {
	if err := x.unfiltered(); err != nil {
		return err
	}
	supported := func(yes bool) map[string]any { return map[string]any{"supported": yes} }
	x.writeJSON(http.StatusOK, map[string]any{
		"schemas":        []string{configURN},
		"patch":          supported(true),
		"bulk":           map[string]any{"supported": false, "maxOperations": 0, "maxPayloadSize": 0},
		"filter":         map[string]any{"supported": true, "maxResults": maxCount},
		"changePassword": supported(false),
		"sort":           supported(true),
		"etag":           supported(true),
		"authenticationSchemes": []any{map[string]any{
			"type": "oauthbearertoken", "name": "Bearer token", "description": "A token of the organization's provisioning client",
			"specUri": "https://www.rfc-editor.org/rfc/rfc6750", "primary": true,
		}},
		"meta": map[string]any{"resourceType": "ServiceProviderConfig", "location": x.location("ServiceProviderConfig")},
	})
	return nil
}

// types are the resource types in the order shown.
func (x *exchange) types() (list []map[string]any) {
	for _, t := range x.h.schemas.types() {
		shown := map[string]any{
			"schemas": []string{resourceTypeURN}, "id": t.name, "name": t.name, "endpoint": t.endpoint, "description": t.about, "schema": t.urn(),
			"meta": map[string]any{"resourceType": "ResourceType", "location": x.location("ResourceTypes", t.name)},
		}
		var extensions []any
		for _, urn := range t.urns[1:] {
			extensions = append(extensions, map[string]any{"schema": urn, "required": false})
		}
		if extensions != nil {
			shown["schemaExtensions"] = extensions
		}
		list = append(list, shown)
	}
	return list
}

func (x *exchange) resourceTypes() error {
	if err := x.unfiltered(); err != nil {
		return err
	}
	var resources []any
	for _, t := range x.types() {
		resources = append(resources, t)
	}
	x.writeList(listResponse{total: int64(len(resources)), first: 1, resources: resources})
	return nil
}

func (x *exchange) resourceType() error {
	if err := x.unfiltered(); err != nil {
		return err
	}
	for _, t := range x.types() {
		if t["id"] == x.id {
			x.writeJSON(http.StatusOK, t)
			return nil
		}
	}
	return errNotFound
}

// shownSchemas are the schemas as /Schemas shows them: the very ones that bodies are validated by.
func (x *exchange) shownSchemas() []map[string]any {
	r := x.h.schemas
	var out []map[string]any
	for _, s := range []schema.Schema{r.core, r.enterprise, r.membership, r.group} {
		m := s.ToMap()
		m["meta"] = map[string]any{"resourceType": "Schema", "location": x.location("Schemas", s.ID)}
		out = append(out, m)
	}
	return out
}

func (x *exchange) listSchemas() error {
	if err := x.unfiltered(); err != nil {
		return err
	}
	var resources []any
	for _, s := range x.shownSchemas() {
		resources = append(resources, s)
	}
	x.writeList(listResponse{total: int64(len(resources)), first: 1, resources: resources})
	return nil
}

func (x *exchange) oneSchema() error {
	if err := x.unfiltered(); err != nil {
		return err
	}
	for _, s := range x.shownSchemas() {
		if strings.EqualFold(s["id"].(string), x.id) {
			x.writeJSON(http.StatusOK, s)
			return nil
		}
	}
	return errNotFound
}
