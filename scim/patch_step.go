package scim

import (
	"strings"

	scimerrors "github.com/elimity-com/scim/errors"
)

// maxOperations bounds a PATCH. One of a user is applied while the member is locked, to lists of up to maxElements.
const maxOperations = 1000

// step is one operation of a PATCH as it was written: of a user or of a group alike (RFC 7644 §3.5.2).
type step struct {
	op    string // add, replace, remove
	path  string // "" where there is none; then value is an object, and op is not remove
	value any
}

// readSteps reads the body of a PATCH: names and operations in any letter case.
func readSteps(body map[string]any) ([]step, error) {
	var list []any
	named := false
	for name, v := range body {
		var err error
		switch strings.ToLower(name) {
		case "schemas":
			if named, err = holdsURN(v, patchURN); err != nil {
				return nil, err
			}
		case "operations":
			var ok bool
			if list, ok = v.([]any); !ok {
				return nil, badSyntax("Operations has to be a list")
			}
		}
	}
	switch {
	case !named:
		return nil, badSyntax("schemas has to hold %s", patchURN)
	case len(list) == 0:
		return nil, badSyntax("Operations has to hold at least one operation")
	case len(list) > maxOperations:
		return nil, badValue("A PATCH has at most %d operations", maxOperations)
	}
	out := make([]step, len(list))
	for i, e := range list {
		object, ok := e.(map[string]any)
		if !ok {
			return nil, badSyntax("An operation has to be an object")
		}
		var err error
		if out[i], err = readStep(object); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func readStep(object map[string]any) (s step, err error) {
	valued := false
	for name, v := range object {
		ok := true
		switch strings.ToLower(name) {
		case "op":
			s.op, ok = v.(string)
		case "path":
			if v != nil {
				s.path, ok = v.(string)
			}
		case "value":
			s.value, valued = v, true
		}
		if !ok {
			return s, badSyntax("%s has to be a string", strings.ToLower(name))
		}
	}
	s.op = strings.ToLower(s.op)
	switch {
	case s.op != "add" && s.op != "replace" && s.op != "remove":
		return s, badSyntax("op has to be add, replace or remove")
	case s.op != "remove" && !valued:
		return s, badValue("%s needs a value", s.op)
	case s.path != "":
		return s, nil
	case s.op == "remove":
		return s, refuse(400, scimerrors.ScimTypeNoTarget, "remove needs a path")
	}
	object, ok := objectOf(s.value)
	if !ok {
		return s, badValue("Without a path the value has to be an object")
	}
	s.value = object
	return s, nil
}

// objectOf is an object, or the only one in a list, as Entra sends a manager.
func objectOf(value any) (map[string]any, bool) {
	if list, ok := value.([]any); ok && len(list) == 1 {
		value = list[0]
	}
	object, ok := value.(map[string]any)
	return object, ok
}
