package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"text/template"
)

// TestTheGuideHasTheTestedSettings: what the guide tells to write is what the tests run with.
func TestTheGuideHasTheTestedSettings(t *testing.T) {
	t.Parallel()
	guide := read(t, filepath.Join("..", "..", "docs", "integration", "saml-service-providers.md"))
	judges := filepath.Join("testdata", "saml-judges")
	const app = "https://app.example.com"
	for _, c := range []struct {
		file, from, to string
		as             *strings.Replacer
	}{
		{filepath.Join("simplesamlphp", "authsources.php"), "// begin of the guide's\n", "    // end of the guide's",
			strings.NewReplacer("$said['base'] . '", "'"+app, "$said['entity_id']", "'https://id.example.com/saml/metadata'")},
		{"pysaml2.py", "    return {\n", "    }\n\n\ndef config", strings.NewReplacer(`base + "`, `"`+app, `said["idp_metadata"]`, `"/etc/app/idp.xml"`,
			`said["key"]`, `"/etc/app/sp.key"`, `said["certificate"]`, `"/etc/app/sp.crt"`, `said["unsolicited"]`, "True")},
		{"node-saml.mjs", "(await fromMetadata()),\n", "    validateInResponseTo", strings.NewReplacer("entityID", `"`+app+`/metadata"`, "callbackUrl: acs", `callbackUrl: "`+app+`/acs"`, "logoutCallbackUrl: slo", `logoutCallbackUrl: "`+app+`/slo"`)},
		{"samlify.mjs", "    entityID,\n", "    nameIDFormat", strings.NewReplacer("    // Where the signature of a posted request goes; at first samlify looks for the place in a response.\n", "")},
		{filepath.Join("mellon", "httpd.conf"), "# begin of the guide's\n", "# end of the guide's", strings.NewReplacer()},
	} {
		text := read(t, filepath.Join(judges, c.file))
		if strings.HasSuffix(c.file, ".conf") {
			text = filledIn(t, text, map[string]string{"Dir": "", "Port": "", "Base": app, "Key": "/etc/apache2/saml/sp.key", "Certificate": "/etc/apache2/saml/sp.crt", "IdPMetadata": "/etc/apache2/saml/idp.xml", "Secure": "On"})
		}
		_, after, begins := strings.Cut(text, c.from)
		settings, _, ends := strings.Cut(after, c.to)
		settings = c.as.Replace(settings)
		if !begins || !ends || strings.TrimSpace(settings) == "" || !strings.Contains(guide, settings) {
			t.Errorf("the guide does not have what %s has:\n%s", c.file, settings)
		}
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func filledIn(t *testing.T, text string, with any) string {
	t.Helper()
	var out bytes.Buffer
	if err := template.Must(template.New("settings").Option("missingkey=error").Parse(text)).Execute(&out, with); err != nil {
		t.Fatal(err)
	}
	return out.String()
}
