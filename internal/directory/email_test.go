package directory_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"portvakt/internal/directory"
)

// TestEmailForms: every spelling has one canonical form, or is refused (no two mailboxes share a key).
func TestEmailForms(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 64)
	label := strings.Repeat("b", 63)
	for _, tc := range []struct{ name, in, key string }{ // key "": refused
		{"plain", "kari@nordlys.example", "kari@nordlys.example"},
		{"letter case", "KARI@Nordlys.EXAMPLE", "kari@nordlys.example"},
		{"surrounding space", " kari@nordlys.example\t", "kari@nordlys.example"},
		{"no-break space around", "\u00a0kari@nordlys.example\u3000", "kari@nordlys.example"},
		{"plus", "kari+x@nordlys.example", "kari+x@nordlys.example"},
		{"apostrophe", "o'neil@nordlys.example", "o'neil@nordlys.example"},
		{"dotless i is a letter of its own", "kar\u0131@nordlys.example", "kar\u0131@nordlys.example"},
		{"dotted capital I", "kar\u0130@nordlys.example", ""},
		{"Kelvin sign is the letter K", "\u212aari@nordlys.example", "kari@nordlys.example"},
		{"sharp s", "stra\u00dfe@nordlys.example", ""},
		{"capital sharp s", "stra\u1e9ee@nordlys.example", ""},
		{"ss", "strasse@nordlys.example", "strasse@nordlys.example"},
		{"long s", "\u017fara@nordlys.example", ""},
		{"ligature", "\ufb01nn@nordlys.example", ""},
		{"composed", "p\u00e5l@nordlys.example", "p\u00e5l@nordlys.example"},
		{"decomposed", "pa\u030al@nordlys.example", "p\u00e5l@nordlys.example"},
		{"composed capital", "P\u00c5L@nordlys.example", "p\u00e5l@nordlys.example"},
		{"Angstrom sign", "p\u212bl@nordlys.example", "p\u00e5l@nordlys.example"},
		{"final sigma", "\u03bf\u03b4\u03bf\u03c2@nordlys.example", "\u03bf\u03b4\u03bf\u03c3@nordlys.example"},
		{"Cyrillic look-alike stays apart", "k\u0430ri@nordlys.example", "k\u0430ri@nordlys.example"},
		{"Cyrillic rounded ve", "\u1c80@nordlys.example", ""},
		{"full width letters", "\uff4b\uff41\uff52\uff49@nordlys.example", ""},
		{"full width at", "kari\uff20nordlys.example", ""},
		{"full width at beside a real one", "a\uff20b@nordlys.example", ""},
		{"small at", "a\ufe6bb@nordlys.example", ""},
		{"full width dot in local part", "a\uff0eb@nordlys.example", ""},
		{"full width domain", "kari@\uff4eordlys.example", "kari@nordlys.example"},
		{"ideographic full stop in domain", "kari@nordlys\u3002example", "kari@nordlys.example"},
		{"zero-width space", "ka\u200bri@nordlys.example", ""},
		{"zero-width joiner", "ka\u200dri@nordlys.example", ""},
		{"zero-width in domain", "kari@nord\u200blys.example", ""},
		{"soft hyphen in domain", "kari@nord\u00adlys.example", ""},
		{"byte order mark", "\ufeffkari@nordlys.example", ""},
		{"variation selector", "kari\ufe0f@nordlys.example", ""},
		{"Hangul filler", "kari\u3164@nordlys.example", ""},
		{"grapheme joiner", "ka\u034fri@nordlys.example", ""},
		{"right-to-left override", "\u202ekari@nordlys.example", ""},
		{"unicode domain", "kari@bj\u00f8rk.example", "kari@xn--bjrk-hra.example"},
		{"unicode domain decomposed", "kari@a\u030as.example", "kari@xn--s-1fa.example"},
		{"unicode domain composed", "kari@\u00e5s.example", "kari@xn--s-1fa.example"},
		{"punycode domain", "kari@xn--bjrk-hra.example", "kari@xn--bjrk-hra.example"},
		{"punycode domain in capitals", "kari@XN--BJRK-HRA.example", "kari@xn--bjrk-hra.example"},
		{"broken punycode", "kari@xn--\u00f8.example", ""},
		{"punycode of ASCII", "kari@xn--nordlys-.example", ""},
		{"trailing dot", "kari@nordlys.example.", ""},
		{"two dots", "kari@nordlys..example", ""},
		{"leading dot in domain", "kari@.nordlys.example", ""},
		{"one label", "kari@localhost", ""},
		{"leading dot", ".kari@nordlys.example", ""},
		{"dot before at", "kari.@nordlys.example", ""},
		{"two dots in local part", "ka..ri@nordlys.example", ""},
		{"two at", "kari@evil.example@nordlys.example", ""},
		{"quoted local part", `"kari"@nordlys.example`, ""},
		{"quoted at", `"a@b"@nordlys.example`, ""},
		{"display name", "Kari <kari@nordlys.example>", ""},
		{"comment", "kari(x)@nordlys.example", ""},
		{"list", "kari@nordlys.example,ola@nordlys.example", ""},
		{"IP literal", "kari@[127.0.0.1]", ""},
		{"inner space", "ka ri@nordlys.example", ""},
		{"line break", "kari@nordlys.example\r\nBcc: x@y.example", ""},
		{"NUL", "kari\x00@nordlys.example", ""},
		{"broken UTF-8", "kari\xff@nordlys.example", ""},
		{"underscore in domain", "kari@nord_lys.example", ""},
		{"hyphen at the edge", "kari@-nordlys.example", ""},
		{"empty", "", ""},
		{"no local part", "@nordlys.example", ""},
		{"no domain", "kari@", ""},
		{"local part of 64", long + "@nordlys.example", long + "@nordlys.example"},
		{"local part of 65", long + "a@nordlys.example", ""},
		{"local part that grows past 64", strings.Repeat("\u023a", 32) + "@nordlys.example", ""},
		{"label of 63", "kari@" + label + ".example", "kari@" + label + ".example"},
		{"label of 64", "kari@" + label + "b.example", ""},
		{"254 bytes", long + "@" + label + "." + label + "." + strings.Repeat("c", 61), long + "@" + label + "." + label + "." + strings.Repeat("c", 61)},
		{"255 bytes", long + "@" + label + "." + label + "." + strings.Repeat("c", 62), ""},
	} {
		e, err := directory.ParseEmail(tc.in)
		if (err == nil) != (tc.key != "") || e.Key != tc.key {
			t.Errorf("%s: ParseEmail(%q) = %q, %v; want %q", tc.name, tc.in, e.Key, err, tc.key)
		}
	}
}

func TestDomainKey(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"Nordlys.example": "nordlys.example", " bj\u00f8rk.example ": "xn--bjrk-hra.example", "nordlys.example.": "", "example": "", "": "", ".": "",
		"a..b": "", "nord lys.example": "", strings.Repeat("a", 64) + ".example": "", "*.nordlys.example": "",
	} {
		if got, err := directory.DomainKey(in); got != want || (err == nil) != (want != "") {
			t.Errorf("DomainKey(%q) = %q, %v; want %q", in, got, err, want)
		}
	}
}

// TestFoldIsIdempotent over every character alone, and before and after what changes when it is composed.
func TestFoldIsIdempotent(t *testing.T) {
	t.Parallel()
	for r := rune(0); r <= utf8.MaxRune; r++ {
		if !utf8.ValidRune(r) || testing.Short() && r > 0x2fff && r%16 != 0 {
			continue
		}
		for _, s := range []string{string(r), "a" + string(r), string(r) + "\u0345", string(r) + "\u0301\u0345", "\u0345" + string(r) + "\u0323\u0307", string(r) + "\u1161\u11a8"} {
			once := directory.Fold(s)
			if twice := directory.Fold(once); twice != once {
				t.Fatalf("Fold(%+q) = %+q, folded again %+q", s, once, twice)
			}
			if r > 0x2fff && r%64 != 0 {
				break // the rest of the planes, alone and by sample
			}
		}
	}
}

func TestFoldMeetsWhatShouldMeet(t *testing.T) {
	t.Parallel()
	for a, b := range map[string]string{
		"KARI": "kari", "\u00c5SE": "a\u030ase", "\u212aari": "kari", "stra\u00dfe": "STRASSE", "\uff4b\uff41\uff52\uff49": "kari", "\ufb01": "FI", "\u03a3": "\u03c2",
	} {
		if directory.Fold(a) != directory.Fold(b) {
			t.Errorf("%q and %q are two", a, b)
		}
	}
	for _, pair := range [][2]string{{"\u0131", "i"}, {"\u00e5", "a"}, {"a", "\u0430"}, {"a ", "a"}} {
		if directory.Fold(pair[0]) == directory.Fold(pair[1]) {
			t.Errorf("%q and %q are one", pair[0], pair[1])
		}
	}
}

// FuzzParseEmail: never panics; what is accepted is canonical, and stays the same however often it is read.
func FuzzParseEmail(f *testing.F) {
	for _, s := range []string{"kari@nordlys.example", "P\u00c5L@bj\u00f8rk.example", "a\u0345@x.example", "\u0149@x.example", "\u03b1\u0345\u0301@x.example", "\u1fb3@x.example",
		"a@b@c.example", "\xff@x.example", "\u13a0\uab70@x.example", "x@xn--bjrk-hra.example", "i\u0307@x.example", "\"a@b\"@c.example"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		e, err := directory.ParseEmail(s)
		if err != nil {
			if e != (directory.Email{}) {
				t.Fatalf("refused, yet %+v", e)
			}
			return
		}
		for _, again := range []string{e.Address, e.Key, norm.NFD.String(e.Key)} {
			if len(again) > 254 {
				continue // NFD may be longer
			}
			if e2, err := directory.ParseEmail(again); (err != nil || e2.Key != e.Key) && again != norm.NFD.String(e.Key) {
				t.Fatalf("%+q: key %+q, of %+q again %+q, %v", s, e.Key, again, e2.Key, err)
			}
		}
		if strings.Count(e.Address, "@") != 1 || strings.Count(e.Key, "@") != 1 || strings.ContainsAny(e.Key, " \t\r\n\"<>,;:\\[]()") || directory.Fold(e.Key) != e.Key {
			t.Fatalf("%+q: %+v", s, e)
		}
		if d, err := directory.DomainKey(e.Domain()); err != nil || d != e.Domain() {
			t.Fatalf("%+q: domain %q, %v", s, d, err)
		}
	})
}
