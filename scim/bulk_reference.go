package scim

import (
	"encoding/json"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// bulkPrefix begins a reference to what an operation with that bulkId makes (RFC 7644 §3.7.2).
const bulkPrefix = "bulkId:"

// holders are the attributes whose values are identifiers, and what they are identifiers of; elsewhere "bulkId:x" is a text
// like any other.
var holders = map[string]string{"manager": "Users", "successor": "Users", "members": ""}

// holderOf is the attribute of holders that a name or path is about, also as "urn:…:User:manager.value" or members[…].
func holderOf(path string) string {
	path, _, _ = strings.Cut(path, "[")
	path = path[strings.LastIndexByte(path, ':')+1:]
	name, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(path)), ".")
	if _, ok := holders[name]; ok {
		return name
	}
	return ""
}

// referrer goes through an operation's references: each is replaced by what replace says.
type referrer struct {
	replace func(holder, bulkID string) string
}

func (f referrer) text(holder, s string) string {
	if ref, ok := strings.CutPrefix(s, bulkPrefix); ok {
		return f.replace(holder, ref)
	}
	return s
}

// value goes through the value of a holder: an identifier, an object with one, or a list of them.
func (f referrer) value(holder string, v any) any {
	switch v := v.(type) {
	case string:
		return f.text(holder, v)
	case []any:
		for i := range v {
			v[i] = f.value(holder, v[i])
		}
	case map[string]any:
		for name, part := range v {
			if s, ok := part.(string); ok && strings.EqualFold(name, "value") {
				v[name] = f.text(holder, s)
			}
		}
	}
	return v
}

// resource goes through the attributes of a resource and its extensions.
func (f referrer) resource(at map[string]any) {
	for _, name := range slices.Sorted(maps.Keys(at)) {
		if holder := holderOf(name); holder != "" {
			at[name] = f.value(holder, at[name])
		} else if inner, ok := at[name].(map[string]any); ok && isURN(name) {
			f.resource(inner)
		}
	}
}

func isURN(name string) bool { return len(name) > 4 && strings.EqualFold(name[:4], "urn:") }

// selected is a reference in a path's filter: members[value eq "bulkId:x"].
var selected = regexp.MustCompile(`"` + bulkPrefix + `([^"\\]*)"`)

// patch goes through the operations of a PATCH.
func (f referrer) patch(body map[string]any) {
	for name, v := range body {
		list, ok := v.([]any)
		if !ok || !strings.EqualFold(name, "Operations") {
			continue
		}
		for _, e := range list {
			if op, ok := e.(map[string]any); ok {
				f.step(op)
			}
		}
	}
}

func (f referrer) step(op map[string]any) {
	var path, value string // as the client spells their names
	for name := range op {
		switch strings.ToLower(name) {
		case "path":
			path = name
		case "value":
			value = name
		}
	}
	text, _ := op[path].(string)
	holder := holderOf(text)
	if holder != "" {
		op[path] = selected.ReplaceAllStringFunc(text, func(s string) string { return `"` + f.text(holder, s[1:len(s)-1]) + `"` })
		if value != "" {
			op[value] = f.value(holder, op[value])
		}
		return
	}
	if resource, ok := op[value].(map[string]any); ok && (text == "" || isURN(text)) {
		f.resource(resource)
	}
}

// each lets f replace the operation's references: of its path, and of its data.
func (op *bulkOperation) each(f referrer) {
	if op.method != http.MethodPost {
		op.id = f.text("", op.id)
	}
	if op.method == http.MethodPatch {
		f.patch(op.data)
	} else {
		f.resource(op.data)
	}
}

// find lists the bulkIds that the operation refers to, each once.
func (op *bulkOperation) find() []string {
	var refs []string
	op.each(referrer{func(_, ref string) string {
		if !slices.Contains(refs, ref) {
			refs = append(refs, ref)
		}
		return bulkPrefix + ref
	}})
	return refs
}

// resolve puts identifiers where references stand. What there is no operation for is the client's mistake, 400; what was
// not made is a conflict, 409 (RFC 7644 §3.7.1).
func (op *bulkOperation) resolve(made map[string]*bulkOperation) error {
	var err error
	op.each(referrer{func(holder, ref string) string {
		target := made[ref]
		switch kind := holders[holder]; {
		case target == nil:
			err = badValue("No POST of this request has the bulkId %.100q", ref)
		case kind != "" && target.kind != kind:
			err = badValue("%s refers to the bulkId %.100q, which is not one of %s", holder, ref, kind)
		case target.state != done || target.id == "":
			err = refuse(http.StatusConflict, "", "The operation with the bulkId %.100q has made nothing", ref)
		default:
			return target.id
		}
		return bulkPrefix + ref
	}})
	return err
}

// tear takes a reference out of a POST, so that what it makes can be there before what it refers to.
func (op *bulkOperation) tear(ref string) {
	op.refs = slices.DeleteFunc(slices.Clone(op.refs), func(s string) bool { return s == ref })
	op.tearFrom(op.data, "", bulkPrefix+ref)
}

func (op *bulkOperation) tearFrom(at map[string]any, urn, ref string) {
	for _, name := range slices.Sorted(maps.Keys(at)) {
		if inner, ok := at[name].(map[string]any); ok && isURN(name) && holderOf(name) == "" {
			op.tearFrom(inner, name+":", ref)
			continue
		}
		if holderOf(name) == "" {
			continue
		}
		kept, gone := parted(at[name], ref)
		if gone == nil {
			continue
		}
		op.lost = append(op.lost, map[string]any{"op": "add", "path": urn + name, "value": gone})
		if at[name] = kept; kept == nil {
			delete(at, name)
		}
	}
}

// parted splits a value: what does not refer to ref, and what does; nil is nothing.
func parted(v any, ref string) (kept, gone any) {
	switch v := v.(type) {
	case []any:
		var rest, torn []any
		for _, e := range v {
			if _, refers := parted(e, ref); refers != nil {
				torn = append(torn, e)
			} else {
				rest = append(rest, e)
			}
		}
		switch {
		case torn == nil:
			return v, nil
		case rest == nil:
			return nil, torn
		}
		return rest, torn
	case map[string]any:
		for name, part := range v {
			if strings.EqualFold(name, "value") && part == ref {
				return nil, v
			}
		}
	case string:
		if v == ref {
			return nil, v
		}
	}
	return v, nil
}

// mending is the PATCH that puts back what was torn out.
func (op *bulkOperation) mending() *bulkOperation {
	return &bulkOperation{method: http.MethodPatch, kind: op.kind, id: op.id, data: map[string]any{"schemas": []any{patchURN}, "Operations": op.lost}}
}

// unmended is the answer of an operation that made something without its reference.
func unmended(response json.RawMessage) json.RawMessage {
	var why refusal
	_ = json.Unmarshal(response, &why) // our own
	body, err := json.Marshal(refuse(http.StatusConflict, "", "It was made, but without a reference that goes in a circle: %s", why.Detail))
	if err != nil { // only a programming mistake can bring us here
		return response
	}
	return body
}
