package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"portvakt/cmd/portvakt/importer"
	"portvakt/internal/directory"
)

// people reads the list.
func (c inviteCommand) people() ([]directory.Invitee, error) {
	in := io.Reader(os.Stdin)
	if c.File != "-" {
		f, err := os.Open(c.File)
		if err != nil {
			return nil, mistake{err}
		}
		defer f.Close()
		in = f
	}
	people, err := readInvitees(in)
	if err != nil {
		return nil, mistakef("%s: %w", c.File, err)
	}
	return people, nil
}

// inviteeColumns are what a list can say of somebody.
var inviteeColumns = []string{"email", "given_name", "family_name"}

// readInvitees reads a list whose first line names the columns, in any order; a list without such a line holds addresses,
// given names and family names.
func readInvitees(in io.Reader) ([]directory.Invitee, error) {
	r, err := importer.Rows(in)
	if err != nil {
		return nil, err
	}
	r.TrimLeadingSpace = true
	var columns []string
	var people []directory.Invitee
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			return people, nil
		}
		if p, quotes := errors.AsType[*csv.ParseError](err); quotes {
			return nil, fmt.Errorf("line %d: the quotes of this line do not match", p.StartLine)
		}
		if err != nil {
			return nil, err
		}
		line, _ := r.FieldPos(0)
		for _, text := range row {
			if !utf8.ValidString(text) {
				return nil, fmt.Errorf("line %d: this is not UTF-8; save the file as UTF-8 (in Excel: CSV UTF-8)", line)
			}
		}
		if columns == nil {
			if strings.Contains(strings.Join(row, ""), "@") {
				columns = inviteeColumns
			} else if columns, err = inviteeHeader(row); err != nil {
				return nil, err
			} else {
				continue
			}
		}
		if p := invitee(columns, row); p != (directory.Invitee{}) { // spreadsheets leave empty lines at the end
			p.Line = line
			people = append(people, p)
		}
	}
}

func inviteeHeader(row []string) ([]string, error) {
	columns := make([]string, len(row))
	for i, name := range row {
		columns[i] = strings.ToLower(strings.TrimSpace(name))
		if columns[i] != "" && !slices.Contains(inviteeColumns, columns[i]) {
			return nil, fmt.Errorf("line 1: there is no column %q; the columns are %s", columns[i], strings.Join(inviteeColumns, ", "))
		}
	}
	if !slices.Contains(columns, "email") {
		return nil, errors.New("line 1: the column email is missing")
	}
	return columns, nil
}

func invitee(columns, row []string) directory.Invitee {
	of := func(name string) string {
		if i := slices.Index(columns, name); i >= 0 && i < len(row) {
			return strings.TrimSpace(row[i])
		}
		return ""
	}
	return directory.Invitee{Email: of("email"), GivenName: of("given_name"), FamilyName: of("family_name")}
}
