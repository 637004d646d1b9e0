package brand

import (
	"bytes"
	"encoding/binary"
	"encoding/xml"
	"errors"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io"
	"slices"
	"strings"
	"testing"

	"portvakt/internal/fault"
)

func picture(w, h int) image.Image {
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	for x := range w {
		for y := range h {
			m.SetNRGBA(x, y, color.NRGBA{uint8(x), uint8(y), 120, 255})
		}
	}
	return m
}

func pngOf(t *testing.T, w, h int) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, picture(w, h)); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func jpegOf(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, picture(40, 20), nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// promising is a PNG of a few bytes whose header promises so many pixels.
func promising(t *testing.T, w, h uint32) []byte {
	b := slices.Clone(pngOf(t, 1, 1))
	binary.BigEndian.PutUint32(b[16:], w)
	binary.BigEndian.PutUint32(b[20:], h)
	binary.BigEndian.PutUint32(b[29:], crc32.ChecksumIEEE(b[12:29]))
	return b
}

// TestWall113_PicturesAreWrittenAnew: what is behind the pixels of a picture, or between them, is not served.
func TestWall113_PicturesAreWrittenAnew(t *testing.T) {
	t.Parallel()
	evil := []byte("<html><script>alert(1)</script></html>")
	comment := append([]byte{0xff, 0xfe, 0, byte(len(evil) + 2)}, evil...)
	plain := jpegOf(t)
	for name, c := range map[string]struct {
		media Media
		data  []byte
	}{
		"html behind a PNG":  {PNG, append(pngOf(t, 30, 20), evil...)},
		"html behind a JPEG": {JPEG, append(jpegOf(t), evil...)},
		"html in a comment":  {JPEG, slices.Concat(plain[:2], comment, plain[2:])},
	} {
		logo, err := ReadLogo(c.media, c.data)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if bytes.Contains(logo.Data(), []byte("script")) || sniff(logo.Data()) != c.media || logo.Media() != c.media {
			t.Errorf("%s is served as it came", name)
		}
		m, _, err := image.DecodeConfig(bytes.NewReader(logo.Data()))
		if err != nil || m.Height != 20 {
			t.Errorf("%s: %v %v", name, m, err)
		}
	}
}

// TestWall113_HostilePictures: what is no picture, another than it is said to be, or too large to decode is refused.
func TestWall113_HostilePictures(t *testing.T) {
	t.Parallel()
	gif := []byte("GIF89a\x01\x00\x01\x00\x00\x00\x00;")
	for name, c := range map[string]struct {
		media Media
		data  []byte
		code  string
	}{
		"HTML as PNG":      {PNG, []byte("<html><script>alert(1)</script></html>"), "logo_type_differs"},
		"SVG as PNG":       {PNG, []byte(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"/>`), "logo_type_differs"},
		"JPEG as PNG":      {PNG, jpegOf(t), "logo_type_differs"},
		"PNG as SVG":       {SVG, pngOf(t, 2, 2), "logo_type_differs"},
		"HTML as SVG":      {SVG, []byte("<html><script>alert(1)</script></html>"), "bad_svg"},
		"GIF":              {PNG, gif, "bad_logo_type"},
		"WebP":             {PNG, []byte("RIFF\x1a\x00\x00\x00WEBPVP8L"), "bad_logo_type"},
		"no kind":          {"", pngOf(t, 2, 2), "bad_logo_type"},
		"another kind":     {"text/html", pngOf(t, 2, 2), "logo_type_differs"},
		"nothing":          {PNG, nil, "bad_logo_type"},
		"half a PNG":       {PNG, pngOf(t, 30, 30)[:60], "bad_logo"},
		"half a JPEG":      {JPEG, jpegOf(t)[:200], "bad_logo"},
		"30k by 30k":       {PNG, promising(t, 30000, 30000), "logo_too_large"},
		"2001 wide":        {PNG, promising(t, 2001, 1), "logo_too_large"},
		"overflowing size": {PNG, promising(t, 1<<31-1, 1<<31-1), "bad_logo logo_too_large"},
		"too many bytes":   {PNG, append(pngOf(t, 2, 2), make([]byte, MaxBytes)...), "logo_too_large"},
	} {
		_, err := ReadLogo(c.media, c.data)
		if f := fault.Of(err); f == nil || !strings.Contains(" "+c.code+" ", " "+f.Code+" ") || f.Field != "logo" || f.Kind != fault.Invalid {
			t.Errorf("%s: %v, want %s", name, err, c.code)
		}
	}
	if _, err := ReadLogo(PNG, pngOf(t, 2000, 3)); err != nil {
		t.Errorf("2000 wide: %v", err)
	}
}

func svg(inside string) string {
	return `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 10 10">` + inside + `</svg>`
}

// TestWall113_HostileDrawings: nothing that runs, loads, or grows without end; each refusal names what it is about.
func TestWall113_HostileDrawings(t *testing.T) {
	t.Parallel()
	laughs := `<g id="a0"><path d="M0 0"/></g>`
	for i := range 12 {
		use := `<use href="#a` + string(rune('0'+i%10)) + strings.Repeat("x", i/10) + `"/>`
		laughs += `<g id="a` + string(rune('0'+(i+1)%10)) + strings.Repeat("x", (i+1)/10) + `">` + strings.Repeat(use, 10) + `</g>`
	}
	for drawing, says := range map[string]string{
		svg(`<script>alert(1)</script>`):                                "<script>",
		svg(`<SCRIPT>alert(1)</SCRIPT>`):                                "<SCRIPT>",
		svg(`<foreignObject><body/></foreignObject>`):                   "<foreignObject>",
		svg(`<h:script xmlns:h="http://www.w3.org/1999/xhtml"/>`):       "another document",
		svg(`<path onload="alert(1)"/>`):                                "onload",
		svg(`<a href="javascript:alert(1)"><path d="M0 0"/></a>`):       "<a>",
		svg(`<use href="javascript:alert(1)"/>`):                        "href",
		svg(`<use xlink:href="https://evil.example/x.svg#a"/>`):         "href",
		svg(`<use xlink:href="data:image/svg+xml;base64,AAAA"/>`):       "href",
		svg(`<use href="//evil.example/#a"/>`):                          "href",
		svg(`<path href="#a"/>`):                                        "href",
		svg(`<image href="https://evil.example/p.png"/>`):               "<image>",
		svg(`<style>*{background:url(//evil.example)}</style>`):         "<style>",
		svg(`<path style="fill:url(https://evil.example/#a)"/>`):        "fill",
		svg(`<path style="background:url(//evil.example)"/>`):           "background",
		svg(`<path style="fill:red;}*{x"/>`):                            "unusual style",
		svg(`<path fill="url(https://evil.example/#a)"/>`):              "fill",
		svg(`<path fill="url(#a) url(//evil.example)"/>`):               "fill",
		svg(`<path filter="url(#f)"/>`):                                 "filter",
		svg(`<animate attributeName="href" to="javascript:alert(1)"/>`): "<animate>",
		svg(`<set attributeName="onload" to="alert(1)"/>`):              "<set>",
		svg(`<text>Nordlys</text>`):                                     "<text>",
		svg(`<svg onload="alert(1)"/>`):                                 "<svg>",
		svg(`<path id="a"/><path id="a"/>`):                             "twice",
		svg(`<path d="M0 0&quot; onload=&quot;alert(1)"/>`):             "value of d",
		svg(`<path xmlns="" d="M0 0"/>`):                                "<path>",
		`<!DOCTYPE svg [<!ENTITY x "y">]>` + svg(`<path d="&x;"/>`):     "cannot be read",
		`<!DOCTYPE svg SYSTEM "http://evil.example/x.dtd">` + svg(``):   "cannot be read",
		svg(`&nosuch;`):                       "cannot be read",
		svg(`<path d="&nosuch;"/>`):           "cannot be read",
		svg(``) + svg(``):                     "cannot be read",
		svg(``) + `<script>alert(1)</script>`: "cannot be read",
		`hello` + svg(``):                     "kind",
		svg(`<path>`):                         "cannot be read",
		`<?xml version="1.0" encoding="UTF-7"?>` + svg(``):                                         "cannot be read",
		`<svg viewBox="0 0 1 1"/>`:                                                                 "cannot be read",
		`<svg xmlns="http://www.w3.org/2000/svg"/>`:                                                "viewBox",
		`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1e99 1"/>`:                           "viewBox",
		`<svg xmlns="http://www.w3.org/2000/svg" width="100%" height="1px"/>`:                      "viewBox",
		svg(strings.Repeat("<path/>", maxElements)):                                                "too many",
		svg(strings.Repeat("<g>", 40) + strings.Repeat("</g>", 40)):                                "too many",
		svg("<metadata>" + strings.Repeat("<g>", 40) + strings.Repeat("</g>", 40) + "</metadata>"): "too many",
		svg(laughs):                           "too many",
		svg(`<g id="a"><use href="#a"/></g>`): "too many",
		svg(`<g id="a"><use href="#b"/></g><g id="b"><use href="#a"/></g>`):                       "too many",
		svg(`<clipPath id="c"><path clip-path="url(#c)"/></clipPath><path clip-path="url(#c)"/>`): "too many",
	} {
		_, err := ReadLogo(SVG, []byte(drawing))
		if f := fault.Of(err); says == "kind" {
			if !errors.Is(err, ErrLogoMedia) {
				t.Errorf("%.90s: %v", drawing, err)
			}
		} else if f == nil || f.Kind != fault.Invalid || !strings.Contains(f.Text, says) || f.Field != "logo" {
			t.Errorf("%.90s: %v, want a word of %s", drawing, err, says)
		}
	}
}

// TestDrawingsStay: what editors write is drawn as before, and what they keep for themselves is dropped.
func TestDrawingsStay(t *testing.T) {
	t.Parallel()
	const open = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 10 10" width="10" height="10">`
	for in, want := range map[string]string{
		svg(`<path d="M1,2 L3 4z" fill="#ABCDEF" stroke="none" class="a" data-name="x"/>`): open + `<path d="M1,2 L3 4z" fill="#ABCDEF" stroke="none"></path></svg>`,
		"\ufeff<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<!-- Inkscape --><?xml-stylesheet href=\"//evil.example/x.css\"?>" +
			svg(`<metadata><x xmlns="urn:x"/></metadata><title>N</title><i:view xmlns:i="urn:i"><i:x/></i:view><g xmlns:i="urn:i" i:label="L"/>`): open + `<g></g></svg>`,
		svg(`<rect style="fill:#fff; fill-opacity:.5;-x-font:Sans;font-family:'A B'" fill="red" width="5mm" rx="1"/>`): open + `<rect width="5mm" rx="1" fill="#fff" fill-opacity=".5"></rect></svg>`,
		svg(`<defs><linearGradient id="g_1" xlink:href="#h"><stop offset="50%" stop-color="rgb(1, 2, 3)"/></linearGradient></defs><path fill="url(#g_1) red"/>`): open +
			`<defs><linearGradient id="g_1" href="#h"><stop offset="50%" stop-color="rgb(1, 2, 3)"></stop></linearGradient></defs><path fill="url(#g_1) red"></path></svg>`,
		svg(`<defs><rect id="a" width="1"/></defs><clipPath id="b"><use xlink:href="#a"/></clipPath><g clip-path="url(#b)" transform="translate(1 2) rotate(-3.5)"/>`): open +
			`<defs><rect id="a" width="1"></rect></defs><clipPath id="b"><use href="#a"></use></clipPath><g clip-path="url(#b)" transform="translate(1 2) rotate(-3.5)"></g></svg>`,
		`<svg xmlns="http://www.w3.org/2000/svg" width="64px" height="32" fill="none"/>`:                              `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 32" width="64" height="32" fill="none"></svg>`,
		`<s:svg xmlns:s="http://www.w3.org/2000/svg" viewBox="-1,-2,  3.50 4" width="100%"><s:circle r="1"/></s:svg>`: `<svg xmlns="http://www.w3.org/2000/svg" viewBox="-1 -2 3.5 4" width="3.5" height="4"><circle r="1"></circle></svg>`,
	} {
		logo, err := ReadLogo(SVG, []byte(in))
		if err != nil {
			t.Errorf("%s: %v", in, err)
		} else if string(logo.Data()) != want {
			t.Errorf("%s\nbecame %s\nwant   %s", in, logo.Data(), want)
		}
	}
}

// FuzzSVG: whatever comes out has nothing but what the lists allow, and comes out the same again.
func FuzzSVG(f *testing.F) {
	for _, seed := range []string{`<path d="M0 0" fill="url(#a)"/>`, `<script/>`, `<use xlink:href="#a" style="fill:red;stroke:url(#b)"/>`, `<g xmlns:x="urn:x" x:on="1"><!--x--></g>`,
		`<![CDATA[<script>]]>`, `<linearGradient id="a" gradientTransform="matrix(1 0 0 1 0 0)"/>`} {
		f.Add(svg(seed))
	}
	f.Add(`<?xml version="1.0"?><s:svg xmlns:s="http://www.w3.org/2000/svg" width="3" height="4"/>`)
	f.Fuzz(func(t *testing.T, in string) {
		out, err := sanitize([]byte(in))
		if err != nil {
			if f := fault.Of(err); f.Kind != fault.Invalid || f.Field != "logo" {
				t.Fatalf("%v", err)
			}
			return
		}
		d := xml.NewDecoder(bytes.NewReader(out))
		for {
			token, err := d.RawToken()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s\nbecame %s: %v", in, out, err)
			}
			switch x := token.(type) {
			case xml.StartElement:
				if x.Name.Space != "" || !slices.Contains(elements, x.Name.Local) {
					t.Fatalf("%s has %v", out, x.Name)
				}
				for _, a := range x.Attr {
					low := strings.ToLower(a.Value)
					switch {
					case a.Name.Local == "xmlns" && a.Value == spaceSVG:
					case a.Name.Space != "" || strings.HasPrefix(strings.ToLower(a.Name.Local), "on") || a.Name.Local == "style":
						t.Fatalf("%s has the attribute %v", out, a.Name)
					case strings.ContainsAny(a.Value, `<>"'&:/\@;{}`), strings.Contains(strings.ReplaceAll(low, "url(#", ""), "url("), a.Name.Local == "href" && low[0] != '#':
						t.Fatalf("%s has the value %q", out, a.Value)
					}
				}
			case xml.EndElement:
			default:
				t.Fatalf("%s has %T", out, token)
			}
		}
		if again, err := sanitize(out); err != nil || !bytes.Equal(again, out) {
			t.Fatalf("%s\nbecame %s\nthen %s, %v", in, out, again, err)
		}
	})
}
