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
		"bulk":           map[string]any{"supported": true, "maxOperations": bulkOperations, "maxPayloadSize": wholeBulk.bytes},
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
func (x *exchange) types() []map[string]any {
	extension := func(urn string) any { return map[string]any{"schema": urn, "required": false} }
	list := []map[string]any{{
		"id": "User", "name": "User", "endpoint": "/Users", "description": "A member of the organization", "schema": coreURN,
		"schemaExtensions": []any{extension(enterpriseURN), extension(membershipURN)},
	}, {
		"id": "Group", "name": "Group", "endpoint": "/Groups", "description": "A group of the organization; read only", "schema": groupURN,
	}}
	for _, t := range list {
		t["schemas"] = []string{resourceTypeURN}
		t["meta"] = map[string]any{"resourceType": "ResourceType", "location": x.location("ResourceTypes", t["id"].(string))}
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
	x.writeList(int64(len(resources)), 1, resources)
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
	x.writeList(int64(len(resources)), 1, resources)
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
