package directory_test

import (
	"strings"
	"testing"

	"portvakt/internal/directory"
)

// TestMailboxForms: what mail programs copy gives one address and a name, or is refused.
func TestMailboxForms(t *testing.T) {
	t.Parallel()
	const kari = "kari@nordlys.example"
	for _, tc := range []struct{ in, name, key string }{ // key "": refused
		{kari, "", kari},
		{"  Kari@Nordlys.example\t", "", kari},
		{"<kari@nordlys.example>", "", kari},
		{"Kari Nordmann <kari@nordlys.example>", "Kari Nordmann", kari},
		{"Kari<kari@nordlys.example>", "Kari", kari},
		{"Kari Nordmann < kari@nordlys.example >", "Kari Nordmann", kari},
		{`"Nordmann, Kari" <kari@nordlys.example>`, "Nordmann, Kari", kari},
		{`"Kari \"K\" Nordmann" <kari@nordlys.example>`, `Kari "K" Nordmann`, kari},
		{`"a\\b" <kari@nordlys.example>`, `a\b`, kari},
		{"'Kari Nordmann' <kari@nordlys.example>", "Kari Nordmann", kari},
		{"O'Neil <o'neil@nordlys.example>", "O'Neil", "o'neil@nordlys.example"},
		{"Kåre Ødegård <kåre@bjørk.example>", "Kåre Ødegård", "kåre@xn--bjrk-hra.example"},
		{"李 小龍 <kari@nordlys.example>", "李 小龍", kari},
		{"=?utf-8?q?K=C3=A5re?= <kari@nordlys.example>", "Kåre", kari},
		{"=?iso-8859-1?Q?Bj=F6rk?= Nord <kari@nordlys.example>", "Björk Nord", kari},
		{"=?utf-8?q?a=00b?= <kari@nordlys.example>", "", ""},
		{"=?x-unknown?q?abc?= <kari@nordlys.example>", "", ""},
		{"kari@nordlys.example <KARI@nordlys.example>", "", kari},
		{"'kari@nordlys.example' <kari@nordlys.example>", "", kari},
		{"boss@bank.example <kari@nordlys.example>", "", ""},
		{`"boss@bank.example" <kari@nordlys.example>`, "", ""},
		{`"boss＠bank.example" <kari@nordlys.example>`, "", ""},
		{"=?utf-8?q?boss=40bank.example?= <kari@nordlys.example>", "", ""},
		{"a <x@nordlys.example> <kari@nordlys.example>", "", ""},
		{`"half <kari@nordlys.example>`, "", ""},
		{`"a" b <kari@nordlys.example>`, "", ""},
		{`a "b" <kari@nordlys.example>`, "", ""},
		{"Kari <kari@nordlys.example", "", ""},
		{"Kari kari@nordlys.example>", "", ""},
		{"Kari <>", "", ""},
		{"Kari <kari>", "", ""},
		{"<kari@nordlys.example>, <ola@nordlys.example>", "", ""},
		{"kari@nordlys.example (Kari)", "", ""},
		{"mailto:kari@nordlys.example", "", ""},
		{"Ka\x00ri <kari@nordlys.example>", "", ""},
		{"Ka\xffri <kari@nordlys.example>", "", ""},
		{"\u202eKari <kari@nordlys.example>", "", ""},
		{"Kari\r\nBcc: x <kari@nordlys.example>", "", ""},
		{strings.Repeat("a", 1001) + " <kari@nordlys.example>", "", ""},
		{"", "", ""}, {">", "", ""}, {"<", "", ""}, {`"`, "", ""}, {`">`, "", ""}, {"'>", "", ""},
	} {
		m, err := directory.ParseMailbox(tc.in)
		if (err == nil) != (tc.key != "") || m.Name != tc.name || m.Email.Key != tc.key {
			t.Errorf("ParseMailbox(%q) = %+v, %v; want %q, %q", tc.in, m, err, tc.name, tc.key)
		}
		if err != nil && m != (directory.Mailbox{}) {
			t.Errorf("ParseMailbox(%q): refused, yet %+v", tc.in, m)
		}
	}
}

// FuzzParseMailbox: never panics, and lets no address through that ParseEmail refuses.
func FuzzParseMailbox(f *testing.F) {
	for _, s := range []string{`"a\"b" <x@y.example>`, "=?utf-8?q?=?= <x@y.example>", "'<x@y.example>", "x@y.example", "<<x@y.example>>"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		m, err := directory.ParseMailbox(s)
		if err != nil {
			return
		}
		if e, err := directory.ParseEmail(m.Email.Address); err != nil || e.Key != m.Email.Key || strings.Contains(m.Name, "@") || strings.ContainsAny(m.Name, "\r\n\x00") {
			t.Fatalf("%+q: %+v", s, m)
		}
	})
}
