package main

import (
	"slices"
	"strings"
	"testing"

	"portvakt/internal/directory"
)

// TestR31_ListsAsSpreadsheetsWriteThem: columns in any order or none, semicolons, a mark at the beginning, empty lines; what
// cannot be understood is refused as a whole, with its line.
func TestR31_ListsAsSpreadsheetsWriteThem(t *testing.T) {
	t.Parallel()
	kari := directory.Invitee{Line: 2, Email: "kari@x.example", GivenName: "Kari", FamilyName: "Ås"}
	for in, want := range map[string][]directory.Invitee{
		"email,given_name,family_name\nkari@x.example,Kari,Ås\n":                       {kari},
		"\xef\xbb\xbffamily_name;email;given_name\r\nÅs;kari@x.example;Kari\r\n;;\r\n": {kari},
		"kari@x.example,Kari,Ås\n\nola@x.example\n":                                    {{Line: 1, Email: "kari@x.example", GivenName: "Kari", FamilyName: "Ås"}, {Line: 3, Email: "ola@x.example"}},
		"email\nKari Ås <kari@x.example>\n":                                            {{Line: 2, Email: "Kari Ås <kari@x.example>"}},
		"":                                                                             nil,
		"email\n":                                                                      nil,
	} {
		if got, err := readInvitees(strings.NewReader(in)); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %+v, %v", in, got, err)
		}
	}
	for in, want := range map[string]string{
		"mail;name\na@b.example;x\n":       `line 1: there is no column "mail"`,
		"given_name\nKari\n":               "line 1: the column email is missing",
		"email\nkari@x.example\nK\xe5re\n": "line 3: this is not UTF-8",
		"\xff\xfee\x00":                    "UTF-16",
		"email\n\"kari@x.example\n":        "line 2: the quotes",
	} {
		if _, err := readInvitees(strings.NewReader(in)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", in, err, want)
		}
	}
}
