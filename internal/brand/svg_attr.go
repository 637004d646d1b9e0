package brand

import (
	"encoding/xml"
	"slices"
	"strconv"
	"strings"
)

type attr struct{ name, value string }

type attrs []attr

func (as attrs) value(name string) string {
	for _, a := range as {
		if a.name == name {
			return a.value
		}
	}
	return ""
}

func (as attrs) without(names ...string) attrs {
	return slices.DeleteFunc(slices.Clone(as), func(a attr) bool { return slices.Contains(names, a.name) })
}

// set gives an attribute a value, which the last one that is said has: a style comes before the attribute of its name.
func (as attrs) set(name, value string) attrs { return append(as.without(name), attr{name, value}) }

// ignored are attributes of SVG that change nothing of a picture.
var ignored = []string{"version", "baseProfile", "class", "enable-background", "role", "focusable", "tabindex", "lang", "style"}

// keep are the attributes of an element that stay.
func keep(t xml.StartElement) (kept attrs, err error) {
	style := ""
	for _, a := range t.Attr {
		name := a.Name.Local
		switch {
		case a.Name.Space == spaceXLink && name == "href":
		case a.Name.Space != "", name == "xmlns", strings.HasPrefix(name, "aria-"), strings.HasPrefix(name, "data-"):
			continue // an editor's, or of no meaning for a picture
		case name == "style":
			style = a.Value
			continue
		case slices.Contains(ignored, name):
			continue
		}
		form, known := attributes[name]
		if !known {
			form, known = properties[name]
		}
		if !known {
			if quiet(name) {
				continue
			}
			return nil, errPart("the attribute " + shortName(name))
		}
		value := strings.TrimSpace(a.Value)
		if !form.MatchString(value) || name == "href" && t.Name.Local != "use" && !strings.HasSuffix(t.Name.Local, "Gradient") {
			return nil, errPart("an unusual value of " + name)
		}
		kept = kept.set(name, value)
	}
	return styled(kept, style)
}

// quiet are properties of text, which there is none of.
func quiet(name string) bool {
	for _, start := range []string{"font", "text-", "letter-spacing", "word-spacing", "line-height", "writing-mode", "white-space", "direction", "overflow",
		"shape-", "image-rendering", "color-", "marker", "filter-", "stroke-alignment", "-", "solid-", "unicode-bidi", "baseline-shift", "dominant-baseline"} {
		if strings.HasPrefix(name, start) {
			return true
		}
	}
	return false
}

// styled makes attributes of a style's declarations.
func styled(kept attrs, style string) (attrs, error) {
	for declaration := range strings.SplitSeq(style, ";") {
		name, value, ok := strings.Cut(declaration, ":")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		if name == "" {
			continue
		}
		form, known := properties[name]
		switch {
		case !ok:
			return nil, errPart("an unusual style")
		case !known && quiet(name):
		case !known:
			return nil, errPart("the style " + shortName(name))
		case !form.MatchString(value):
			return nil, errPart("an unusual value of " + name)
		default:
			kept = kept.set(name, value)
		}
	}
	return kept, nil
}

// frame gives the root a viewBox and the size that it says, so that every page can scale the drawing.
func frame(kept attrs) (attrs, error) {
	box := strings.FieldsFunc(kept.value("viewBox"), func(r rune) bool { return r == ' ' || r == ',' || r == '\t' || r == '\n' || r == '\r' })
	if len(box) != 4 {
		box = []string{"0", "0", strings.TrimSuffix(kept.value("width"), "px"), strings.TrimSuffix(kept.value("height"), "px")}
	}
	for i, text := range box {
		n, err := strconv.ParseFloat(text, 64)
		if err != nil || n > 1e6 || n < -1e6 || i > 1 && n < 0.01 {
			return nil, errNoSize
		}
		box[i] = strconv.FormatFloat(n, 'f', -1, 64)
	}
	kept = kept.without("x", "y", "width", "height", "viewBox", "id", "transform", "clip-path", "mask")
	return append(attrs{{"viewBox", strings.Join(box, " ")}, {"width", box[2]}, {"height", box[3]}}, kept...), nil
}

// shortName is a name as a refusal says it.
func shortName(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < 0x20 || r > 0x7e || r == '<' || r == '>' || r == '"' {
			return -1
		}
		return r
	}, s)
	return s[:min(len(s), 40)]
}
