package seed

import (
	"encoding/json"
	"errors"

	"go.yaml.in/yaml/v3"

	"portvakt/internal/config"
	"portvakt/internal/fault"
	"portvakt/internal/jwk"
)

// KeySet is a set of public keys (RFC 7517 §5), as a mapping or as a text of JSON. It is kept as JSON in one form.
type KeySet struct {
	JSON json.RawMessage
	at   config.Position
}

// UnmarshalYAML reads the set and judges it.
func (k *KeySet) UnmarshalYAML(n *yaml.Node) error {
	raw := []byte(n.Value)
	if n.Kind == yaml.MappingNode {
		var err error
		if raw, err = json.Marshal(plainValue(n)); err != nil {
			return err
		}
	} else if n.Kind != yaml.ScalarNode || n.Value == "" {
		return errors.New("expected a key set: a mapping with keys, or its JSON")
	}
	keys, err := jwk.ParseSet(raw)
	if err != nil {
		return errors.New(lowerFirst(fault.Of(err).Text))
	}
	set := struct {
		Keys []json.RawMessage `json:"keys"`
	}{}
	for _, key := range keys {
		set.Keys = append(set.Keys, json.RawMessage(key.JSON()))
	}
	k.at = positionOf(n)
	k.JSON, err = json.Marshal(set)
	return err
}

// present reports whether the key stands in the file.
func (k KeySet) present() bool { return k.at.Line > 0 }

// plainValue is a node as JSON sees it. Numbers stay texts: a kid is one, whatever it looks like.
func plainValue(n *yaml.Node) any {
	switch n.Kind {
	case yaml.MappingNode:
		out := map[string]any{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			out[n.Content[i].Value] = plainValue(n.Content[i+1])
		}
		return out
	case yaml.SequenceNode:
		out := make([]any, len(n.Content))
		for i, c := range n.Content {
			out[i] = plainValue(c)
		}
		return out
	}
	return n.Value // of an alias: nothing, so that it is no key
}
