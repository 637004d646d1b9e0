package saml_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"portvakt/idp/saml"
	"portvakt/internal/directory"
)

// TestGoldenTemplates: how each template calls a person and what it tells of one who has everything, to the letter. Random
// names are masked.
func TestGoldenTemplates(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		d.told = map[string][]string{"groups": {"sales", "crew"}, "roles": {"seller"}, "entitlements": {"urn:mace:example:view"}}
		if _, err := d.dir.Memberships.Change(ctx, d.org.ID, d.member.ID, d.member.Version, func(m *directory.Member) error {
			m.Details.DisplayName, m.Details.PreferredLanguage = "Kari Nordmann", "nb-NO"
			m.Details.Phones = []directory.Contact{{Type: "work", Value: "+4722334455", Primary: true}}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		b := d.signedIn()
		var got bytes.Buffer
		for _, name := range saml.Templates() {
			d.change(func(p *directory.ServiceProvider) { p.Settings.Template, p.Settings.Attributes = name, nil })
			a := b.ask(ask{}).answer(t)
			mask := strings.NewReplacer(d.member.ID.String(), "mem_…", strings.ReplaceAll(d.user.ID.String(), "_", "-"), "usr-…", a.persistentName(), "…")
			if a.persistentName() == "" {
				mask = strings.NewReplacer(d.member.ID.String(), "mem_…")
			}
			fmt.Fprintf(&got, "%s\n  NameID %s %s\n", name, a.at("//NameID", "Format"), mask.Replace(a.text("//NameID")))
			for _, el := range a.root.FindElements("//Attribute") {
				fmt.Fprintf(&got, "  %s\n    %s %s\n", el.SelectAttrValue("Name", ""), el.SelectAttrValue("NameFormat", ""), el.SelectAttrValue("FriendlyName", "-"))
				for _, v := range el.ChildElements() {
					fmt.Fprintf(&got, "    %q\n", mask.Replace(v.Text()))
				}
			}
		}
		path := filepath.Join("testdata", "templates.golden")
		if *update {
			if err := os.WriteFile(path, got.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if want := must(os.ReadFile(path))(t); !bytes.Equal(want, got.Bytes()) {
			t.Errorf("templates differ from %s (-update writes them):\n%s", path, got.Bytes())
		}
	})
}

// persistentName is the name of an answer that has a persistent one.
func (a *answer) persistentName() string {
	if a.at("//NameID", "Format") != persistent {
		return ""
	}
	return a.text("//NameID")
}
