package testenv

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// OASISSchemas is a directory of Debian's opensaml-schemas and xmltooling-schemas.
const OASISSchemas = "/usr/share/xml"

// catalog says where the schemas are that others import by address.
const catalog = `<catalog xmlns="urn:oasis:names:tc:entity:xmlns:xml:catalog">
<uri name="http://www.w3.org/TR/2002/REC-xmldsig-core-20020212/xmldsig-core-schema.xsd" uri="file://` + OASISSchemas + `/xmltooling/xmldsig-core-schema.xsd"/>
<system systemId="http://www.w3.org/TR/2002/REC-xmldsig-core-20020212/xmldsig-core-schema.xsd" uri="file://` + OASISSchemas + `/xmltooling/xmldsig-core-schema.xsd"/>
<system systemId="http://www.w3.org/TR/2002/REC-xmlenc-core-20021210/xenc-schema.xsd" uri="file://` + OASISSchemas + `/xmltooling/xenc-schema.xsd"/>
<system systemId="http://www.w3.org/2001/xml.xsd" uri="file://` + OASISSchemas + `/xmltooling/xml.xsd"/>
<rewriteSystem systemIdStartString="file://` + OASISSchemas + `/opensaml/xml" rewritePrefix="file://` + OASISSchemas + `/xmltooling/xml"/>
<rewriteSystem systemIdStartString="file://` + OASISSchemas + `/opensaml/xenc" rewritePrefix="file://` + OASISSchemas + `/xmltooling/xenc"/>
</catalog>`

// schemaOfAll imports the schemas that our SAML documents use.
const schemaOfAll = `<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">
<xs:import namespace="urn:oasis:names:tc:SAML:2.0:protocol" schemaLocation="file://` + OASISSchemas + `/opensaml/saml-schema-protocol-2.0.xsd"/>
<xs:import namespace="urn:oasis:names:tc:SAML:2.0:metadata" schemaLocation="file://` + OASISSchemas + `/opensaml/saml-schema-metadata-2.0.xsd"/>
<xs:import namespace="http://www.w3.org/2009/xmlenc11#" schemaLocation="file://` + OASISSchemas + `/xmltooling/xenc11-schema.xsd"/>
<xs:import namespace="http://schemas.xmlsoap.org/soap/envelope/" schemaLocation="file://` + OASISSchemas + `/xmltooling/soap-envelope.xsd"/>
</xs:schema>`

// ValidSAML hands SAML documents, by name, to xmllint with the schemas of the standard.
func ValidSAML(t testing.TB, documents map[string][]byte) {
	t.Helper()
	dir := t.TempDir()
	put := func(name string, content []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	list := put("catalog", []byte(catalog))
	args := []string{"--nonet", "--noout", "--schema", put("schema", []byte(schemaOfAll))}
	names := []string{} // xmllint names a document by its file
	for name, document := range documents {
		file := fmt.Sprintf("%d.xml", len(names))
		names = append(names, file, name)
		args = append(args, put(file, document))
	}
	lint := exec.Command("xmllint", args...)
	lint.Env = append(os.Environ(), "XML_CATALOG_FILES="+list)
	if out, err := lint.CombinedOutput(); err != nil {
		t.Errorf("not valid by the schemas: %v\n%s\n%s", err, strings.Join(names, " "), out)
	}
}
