package brand

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"slices"
	"strings"

	"portvakt/internal/fault"
)

// The limits of a drawing.
const (
	maxElements = 2000
	maxDepth    = 32
	maxPainted  = 10000 // elements, with those that references repeat
)

const (
	spaceSVG   = "http://www.w3.org/2000/svg"
	spaceXLink = "http://www.w3.org/1999/xlink"
)

// form is what an attribute's value may be.
type form struct{ *regexp.Regexp }

func exactly(pattern string) form { return form{regexp.MustCompile(`^(?:` + pattern + `)$`)} }

const (
	anyNumber = `[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]{1,3})?`
	anyID     = `[A-Za-z_][A-Za-z0-9_.-]{0,99}`
	anyColour = `#[0-9a-fA-F]{3,8}|[a-zA-Z]{1,32}|rgba?\([0-9., %]{1,64}\)`
)

// The forms of values. None can hold an address: the only reference is to a part of the same drawing.
var (
	length    = exactly(anyNumber + `(?:px|pt|pc|mm|cm|in|em|%)?`)
	lengths   = exactly(`(?:none|[-+0-9.eE, %\s]*|[-+0-9.eE, \s]*(?:px|pt|mm))`)
	shape     = exactly(`[MmZzLlHhVvCcSsQqTtAa0-9eE.,+\-\s]*`)
	transform = exactly(`(?:\s*,?\s*(?:matrix|translate|scale|rotate|skewX|skewY)\s*\([-+0-9.eE,\s]*\))*\s*`)
	word      = exactly(`[a-zA-Z][a-zA-Z -]{0,63}`)
	identity  = exactly(anyID)
	paint     = exactly(anyColour + `|url\(#` + anyID + `\)(?:\s+(?:` + anyColour + `))?`)
	part      = exactly(`none|url\(#` + anyID + `\)`)
	fragment  = exactly(`#` + anyID)
)

// elements are all that a drawing may consist of.
var elements = []string{"svg", "g", "defs", "symbol", "use", "path", "rect", "circle", "ellipse", "line", "polyline", "polygon",
	"linearGradient", "radialGradient", "stop", "clipPath", "mask"}

// silent are elements without which the drawing looks the same; they are left out with all that is in them.
var silent = []string{"title", "desc", "metadata"}

// attributes are all that an element may have, whichever it is: where one means nothing it does nothing.
var attributes = map[string]form{
	"id": identity, "href": fragment, "viewBox": lengths, "preserveAspectRatio": word, "transform": transform,
	"x": length, "y": length, "width": length, "height": length, "rx": length, "ry": length, "cx": length, "cy": length, "r": length,
	"x1": length, "y1": length, "x2": length, "y2": length, "fx": length, "fy": length, "fr": length, "d": shape, "points": lengths, "offset": length,
	"gradientUnits": word, "gradientTransform": transform, "spreadMethod": word, "clipPathUnits": word, "maskUnits": word, "maskContentUnits": word,
	"clip-path": part, "mask": part,
}

// properties are attributes that may stand in a style as well.
var properties = map[string]form{
	"fill": paint, "fill-opacity": length, "fill-rule": word, "clip-rule": word, "stroke": paint, "stroke-width": length, "stroke-opacity": length,
	"stroke-linecap": word, "stroke-linejoin": word, "stroke-miterlimit": length, "stroke-dasharray": lengths, "stroke-dashoffset": length,
	"color": paint, "opacity": length, "stop-color": paint, "stop-opacity": length, "clip-path": part, "mask": part,
	"display": word, "visibility": word, "vector-effect": word, "paint-order": word, "mask-type": word, "isolation": word, "mix-blend-mode": word,
}

// Faults of drawings.
var (
	errNoDrawing  = fault.New(fault.Invalid, "bad_svg", "The SVG cannot be read; save it as plain SVG in UTF-8, without DOCTYPE, or as PNG").On("logo")
	errNoSize     = fault.New(fault.Invalid, "svg_without_size", "The SVG has no viewBox and no width and height in pixels; save it with a page size, or as PNG").On("logo")
	errTooComplex = fault.New(fault.Invalid, "svg_too_complex", "The SVG has too many parts, or parts that repeat each other too often; simplify it, or save it as PNG").On("logo")
)

// errPart refuses what a drawing must not have; the sentence names it.
func errPart(name string) error {
	return fault.Newf(fault.Invalid, "svg_part_refused", "The SVG has %s, which a logo must not have; convert text to paths, save as plain SVG with "+
		"presentation attributes and without embedded or linked files, or save it as PNG", name).On("logo")
}

// sanitize takes a drawing apart and writes what is left anew. What cannot be seen is dropped: comments, metadata, what
// editors keep for themselves. Anything else that is not on the lists is refused by name, so that nobody gets half a logo.
//
// Invariant: no byte of the input is copied but names from the lists and values of the forms (FuzzSVG).
func sanitize(data []byte) ([]byte, error) {
	d := xml.NewDecoder(bytes.NewReader(data))
	w := &drawing{inside: map[string]int{}, refers: map[string][]string{}, names: map[string]bool{}}
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, errNoDrawing.Because(err)
		}
		if err := w.take(d, token); err != nil {
			return nil, err
		}
	}
	if w.count == 0 {
		return nil, errNoDrawing
	}
	if !w.bounded() {
		return nil, errTooComplex
	}
	return w.out.Bytes(), nil
}

// drawing is what has been written so far.
type drawing struct {
	out   bytes.Buffer
	open  []string // the ids of the open elements, "" for none
	tags  []string
	count int
	done  bool // the root is closed

	names  map[string]bool     // ids
	inside map[string]int      // how many elements are in the element of an id, itself included
	refers map[string][]string // to what the parts of an id refer; of the whole drawing under ""
}

func (w *drawing) take(d *xml.Decoder, token xml.Token) error {
	switch t := token.(type) {
	case xml.Directive: // a DOCTYPE could declare entities
		return errNoDrawing
	case xml.StartElement:
		foreign := t.Name.Space != spaceSVG && t.Name.Space != ""
		if len(w.tags) > 0 && (foreign || slices.Contains(silent, t.Name.Local)) {
			if t.Name.Space == "http://www.w3.org/1999/xhtml" {
				return errPart("another document inside")
			}
			return w.skip(d)
		}
		return w.start(t)
	case xml.EndElement:
		w.out.WriteString("</" + w.tags[len(w.tags)-1] + ">")
		w.tags, w.open = w.tags[:len(w.tags)-1], w.open[:len(w.open)-1]
		w.done = len(w.tags) == 0
	case xml.CharData:
		if len(bytes.TrimSpace(t)) > 0 && len(w.tags) == 0 && !bytes.Equal(bytes.TrimSpace(t), []byte("\ufeff")) {
			return errNoDrawing
		}
	}
	return nil // comments and instructions are left out
}

// skip leaves an element out, as deep as it goes.
func (w *drawing) skip(d *xml.Decoder) error {
	for depth := 1; depth > 0; {
		token, err := d.Token()
		if err != nil {
			return errNoDrawing.Because(err)
		}
		switch token.(type) {
		case xml.StartElement:
			if depth++; depth > maxDepth {
				return errTooComplex
			}
		case xml.EndElement:
			depth--
		}
	}
	return nil
}

func (w *drawing) start(t xml.StartElement) error {
	root := len(w.tags) == 0
	if root && (w.done || t.Name.Space != spaceSVG || t.Name.Local != "svg") {
		return errNoDrawing
	}
	if t.Name.Space != spaceSVG || !slices.Contains(elements, t.Name.Local) || !root && t.Name.Local == "svg" {
		return errPart("<" + shortName(t.Name.Local) + ">")
	}
	if w.count++; w.count > maxElements || len(w.tags) >= maxDepth {
		return errTooComplex
	}
	kept, err := keep(t)
	if err != nil {
		return err
	}
	if root {
		if kept, err = frame(kept); err != nil {
			return err
		}
	}
	w.tags, w.open = append(w.tags, t.Name.Local), append(w.open, kept.value("id"))
	return w.write(t.Name.Local, kept)
}

func (w *drawing) write(tag string, kept attrs) error {
	if id := kept.value("id"); id != "" {
		if w.names[id] {
			return errPart("the id " + id + " twice")
		}
		w.names[id] = true
	}
	w.out.WriteString("<" + tag)
	if len(w.tags) == 1 {
		w.out.WriteString(` xmlns="` + spaceSVG + `"`)
	}
	for _, a := range kept {
		w.out.WriteString(" " + a.name + `="` + a.value + `"`) // no form has a quote, an ampersand or a bracket of XML
		w.note(a)
	}
	w.out.WriteString(">")
	for _, id := range w.around() {
		w.inside[id]++
	}
	return nil
}

// around are the ids of the open elements, and "" for the drawing.
func (w *drawing) around() []string {
	return append([]string{""}, slices.DeleteFunc(slices.Clone(w.open), func(id string) bool { return id == "" })...)
}

// note keeps to what the open elements refer, so that bounded can follow.
func (w *drawing) note(a attr) {
	_, id, ok := strings.Cut(a.value, "#")
	if !ok || a.name != "href" && !strings.HasPrefix(a.value, "url(") {
		return
	}
	if before, _, found := strings.Cut(id, ")"); found {
		id = before
	}
	for _, from := range w.around() {
		w.refers[from] = append(w.refers[from], id)
	}
}

// bounded reports whether drawing all that is repeated comes to an end, and soon: a few references to references to
// references make millions of shapes out of one kilobyte.
func (w *drawing) bounded() bool {
	const going = -1
	painted := map[string]int{}
	var paint func(id string) int
	paint = func(id string) int {
		if n, known := painted[id]; known {
			return n
		}
		painted[id] = going
		n := w.inside[id]
		for _, to := range w.refers[id] {
			m := paint(to)
			if m == going {
				n = maxPainted + 1
				break
			}
			n = min(n+m, maxPainted+1)
		}
		painted[id] = n
		return n
	}
	return paint("") <= maxPainted
}
