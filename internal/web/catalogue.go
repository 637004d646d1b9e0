package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sort"
	"strings"
)

// Catalogue holds every sentence in every language under flat keys. It is read-only after loading.
type Catalogue struct {
	texts [len(languages)]map[string]string
}

// LoadCatalogue reads locales/<language>.json from each file system; a key may stand in one of them only.
func LoadCatalogue(sources ...fs.FS) (*Catalogue, error) {
	c := &Catalogue{}
	for i, l := range languages {
		c.texts[i] = make(map[string]string, 256)
		for _, source := range sources {
			name := "locales/" + string(l) + ".json"
			raw, err := fs.ReadFile(source, name)
			if err != nil {
				return nil, fmt.Errorf("read texts: %w", err)
			}
			if err := readTexts(raw, c.texts[i]); err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	return c, nil
}

// readTexts goes through tokens instead of unmarshalling into a map, which would hide a key that stands twice.
func readTexts(raw []byte, into map[string]string) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return errors.New("want one object of texts")
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return err
		}
		value, err := d.Token()
		if err != nil {
			return err
		}
		text, ok := value.(string)
		if !ok {
			return fmt.Errorf("%v: want a text", key)
		}
		name := key.(string)
		if _, twice := into[name]; twice {
			return fmt.Errorf("%s stands twice", name)
		}
		into[name] = text
	}
	_, err := d.Token()
	return err
}

// Check reports every key and every placeholder that the four languages do not share.
func (c *Catalogue) Check() error {
	var problems []error
	for key, english := range c.texts[0] {
		want := placeholders(english)
		for i, l := range languages {
			text, ok := c.texts[i][key]
			switch {
			case !ok:
				problems = append(problems, fmt.Errorf("%s: %s is missing", l, key))
			case strings.TrimSpace(text) == "":
				problems = append(problems, fmt.Errorf("%s: %s is empty", l, key))
			case !slices.Equal(placeholders(text), want):
				problems = append(problems, fmt.Errorf("%s: %s has placeholders %v, English has %v", l, key, placeholders(text), want))
			}
		}
	}
	for i, l := range languages {
		for key := range c.texts[i] {
			if _, ok := c.texts[0][key]; !ok {
				problems = append(problems, fmt.Errorf("%s: %s is not in English", l, key))
			}
		}
	}
	return errors.Join(problems...)
}

func placeholders(text string) []string {
	var names []string
	for {
		_, rest, ok := strings.Cut(text, "{")
		if !ok {
			break
		}
		name, after, ok := strings.Cut(rest, "}")
		if !ok {
			break
		}
		names, text = append(names, name), after
	}
	sort.Strings(names)
	return slices.Compact(names)
}

// Has reports whether the key exists.
func (c *Catalogue) Has(key string) bool { _, ok := c.texts[0][key]; return ok }

// T is the sentence under key in the language, with {name} replaced by the values of args (name, value, name, value …).
// A sentence that a language lacks is shown in English; an unknown key is shown as it is.
func (c *Catalogue) T(l Language, key string, args ...any) string {
	return fill(c.text(l, key), args, func(value string) string { return value })
}

// Plural is T on key.one or key.other, by n, with {n} given. One and other suffice for all four languages.
func (c *Catalogue) Plural(l Language, key string, n int) string {
	if n == 1 {
		return c.T(l, key+".one", "n", n)
	}
	return c.T(l, key+".other", "n", n)
}

func (c *Catalogue) text(l Language, key string) string {
	if text, ok := c.texts[l.index()][key]; ok {
		return text
	}
	if text, ok := c.texts[0][key]; ok {
		return text
	}
	return key
}

// fill replaces placeholders in one pass, so that a value which looks like a placeholder stays what it is.
func fill(text string, args []any, show func(string) string) string {
	if len(args) == 0 {
		return text
	}
	pairs := make([]string, 0, len(args))
	for i := 0; i+1 < len(args); i += 2 {
		pairs = append(pairs, "{"+fmt.Sprint(args[i])+"}", show(fmt.Sprint(args[i+1])))
	}
	return strings.NewReplacer(pairs...).Replace(text)
}
