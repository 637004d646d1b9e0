package seed_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"portvakt/cmd/portvakt/seed"
	"portvakt/configs"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

// builtIn reads the demo data's pictures from the program.
func builtIn() seed.Options {
	options := dev
	options.ReadFile = configs.ReadFile
	return options
}

// TestBrand: colour and picture come from the file, the same again writes nothing, what stands not in it stays, none takes away.
func TestBrand(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	picture := []byte(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 2 1"><path d="M0 0"/></svg>`)
	if err := os.WriteFile(filepath.Join(folder, "Logo.SVG"), picture, 0o600); err != nil {
		t.Fatal(err)
	}
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, _ *testenv.Clock) {
		p := newPlace(t, db)
		for _, step := range []struct {
			brand, report, accent string
			logo                  bool
		}{
			{`brand: {accent: "#0B57D0", logo: Logo.SVG}`, "organization nordlys: 1 organization made; 1 logo made", "#0b57d0", true},
			{`brand: {accent: "#0b57d0", logo: ./Logo.SVG}`, "everything is as the file says already", "#0b57d0", true},
			{`language: en`, "everything is as the file says already", "#0b57d0", true},
			{`brand: {accent: none}`, "organization nordlys: 1 organization changed", "", true},
			{`brand: {logo: none}`, "organization nordlys: 1 logo removed", "", false},
			{`brand: {accent: none, logo: none}`, "everything is as the file says already", "", false},
		} {
			f, problems := seed.Parse(filepath.Join(folder, "seed.yaml"), []byte("organizations: [{slug: nordlys, name: Nordlys, "+step.brand+"}]\n"), dev)
			if err := problems.Err(); err != nil {
				t.Fatalf("%s: %v", step.brand, err)
			}
			if report := p.apply(t, f).String(); report != step.report {
				t.Errorf("%s: %q, want %q", step.brand, report, step.report)
			}
			b, err := p.Directory.Organizations.BrandOf(ctx, "nordlys")
			if err != nil || b.Accent != step.accent || (b.LogoHash != nil) != step.logo {
				t.Errorf("%s: %+v %v", step.brand, b, err)
			}
		}
	})
}

// TestBrandRefused: each mistake is told where it stands, with what to do.
func TestBrandRefused(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	for name, content := range map[string]string{"evil.svg": `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"><script/></svg>`, "html.png": "<html>", "a.gif": "GIF89a"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for text, want := range map[string]string{
		`{accent: "#ffff00"}`: `3:22: accent: the accent #ffff00 can hardly be seen on a white page (contrast 1.1, at least 3 is needed); choose a darker one, such as #`,
		`{accent: green}`:     `3:22: accent: the accent is a colour such as #1d5948`,
		`{logo: evil.svg}`:    `3:20: logo "evil.svg": the SVG has <script>, which a logo must not have`,
		`{logo: html.png}`:    `3:20: logo "html.png": the logo is said to be image/png and is image/svg+xml`,
		`{logo: a.gif}`:       `3:20: logo "a.gif": a logo is a PNG, JPEG or SVG file`,
		`{logo: gone.png}`:    `3:20: logo cannot be read: open `,
		`{css: "* {}"}`:       `css`,
	} {
		_, problems := seed.Parse(filepath.Join(folder, "seed.yaml"), []byte("organizations:\n  - {slug: nordlys, name: Nordlys}\n  - {brand: "+text+", slug: b, name: B}\n"), dev)
		if len(problems) != 1 || !strings.Contains(problems.Error(), want) {
			t.Errorf("%s: %v, want %s", text, problems, want)
		}
	}
}
