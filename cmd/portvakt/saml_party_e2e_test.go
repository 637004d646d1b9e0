//go:build e2e

package main

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"html"
	"io/fs"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"text/template"
	"time"
)

// nobody is who the programs of other houses run as where the tests run as root.
const nobody = 65534

// party is a service provider of another house, as the test runs it: a program of its own with a key of its own.
type party struct {
	t           *testing.T
	name        string
	dir         string // all files of it
	base        string // http://127.0.0.1:PORT
	port        int
	idp         string // our metadata's address
	key         string // files
	certificate string
	known       string // the file with our metadata, for those that read a file
	described   string // path of its metadata
	begin       string // path that begins a sign-in
	acs         string // path that responses go to
	lands       string // path that shows who is signed in; whom we send without having been asked lands there
	leaves      string // path that begins a sign-out
	can         abilities
	reread      func() // makes it read our metadata again
	program     *exec.Cmd
	output      *syncBuffer
	ended       chan struct{}
}

// abilities are what not all service providers can.
type abilities struct {
	passively    string // path of a sign-in that may show nothing
	relays       bool   // RelayState of the application's own, and requests by POST
	forces       bool   // ForceAuthn
	choosesClass bool   // RequestedAuthnContext
	readsHidden  bool   // encrypted names in requests to sign out
	transient    bool   // asks for another name each time
}

// newParty prepares a place with a key and our metadata for a service provider that will listen on a free port.
func newParty(t *testing.T, name, idp string) *party {
	t.Helper()
	p := &party{t: t, name: name, dir: t.TempDir(), idp: idp, described: "/metadata", begin: "/login", acs: "/acs", lands: "/shown", leaves: "/logout", output: &syncBuffer{}, ended: make(chan struct{})}
	if err := os.Chmod(filepath.Dir(p.dir), 0o711); err != nil { //nolint:gosec // nobody has to get through
		t.Fatal(err)
	}
	p.port = freePort(t)
	p.base = "http://127.0.0.1:" + strconv.Itoa(p.port)
	p.key, p.certificate, p.known = filepath.Join(p.dir, "sp.key"), filepath.Join(p.dir, "sp.crt"), filepath.Join(p.dir, "idp.xml")
	key, certificate := selfSigned(t, name)
	p.write("sp.key", key)
	p.write("sp.crt", certificate)
	p.download()
	return p
}

// freePort is a port that nothing listens on now.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// selfSigned makes an RSA key and its certificate, in PEM.
func selfSigned(t *testing.T, name string) (key, certificate []byte) {
	t.Helper()
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	of := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(10 * 365 * 24 * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, of, of, k.Public(), k)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func (p *party) write(name string, content []byte) string {
	p.t.Helper()
	path := filepath.Join(p.dir, name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		p.t.Fatal(err)
	}
	p.give(path)
	return path
}

// give hands a file or folder to whom the program runs as.
func (p *party) give(path string) {
	p.t.Helper()
	if os.Geteuid() != 0 {
		return
	}
	err := filepath.WalkDir(path, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, nobody, nobody)
	})
	if err != nil {
		p.t.Fatal(err)
	}
}

// download writes our metadata, as it is now, into the file.
func (p *party) download() {
	p.t.Helper()
	p.write("idp.xml", fetched(p.t, p.idp))
}

func fetched(t *testing.T, address string) []byte {
	t.Helper()
	var body bytes.Buffer
	res, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if _, err := body.ReadFrom(res.Body); err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d %v\n%s", address, res.StatusCode, err, &body)
	}
	return body.Bytes()
}

// copied copies a folder of testdata into the place; files that are templates are filled in with the party.
func (p *party) copied(folder string, fill map[string]any) {
	p.t.Helper()
	from := filepath.Join("testdata", "saml-judges", folder)
	entries, err := os.ReadDir(from)
	if err != nil {
		p.t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() {
			continue
		}
		text, err := os.ReadFile(filepath.Join(from, e.Name()))
		if err != nil {
			p.t.Fatal(err)
		}
		if fill != nil && strings.HasSuffix(e.Name(), ".conf") {
			var out bytes.Buffer
			if err := template.Must(template.New(e.Name()).Option("missingkey=error").Parse(string(text))).Execute(&out, fill); err != nil {
				p.t.Fatal(err)
			}
			text = out.Bytes()
		}
		p.write(e.Name(), text)
	}
}

// said writes what the test says to a program, as JSON.
func (p *party) said(name string, more map[string]any) string {
	p.t.Helper()
	said := map[string]any{"base": p.base, "port": p.port, "dir": p.dir, "metadata": p.idp, "entity_id": p.idp, "idp_metadata": p.known, "key": p.key, "certificate": p.certificate, "unsolicited": true}
	for k, v := range more {
		said[k] = v
	}
	b, err := json.Marshal(said)
	if err != nil {
		p.t.Fatal(err)
	}
	return p.write(name, b)
}

// run starts the program, without privileges, in a group of processes of its own that ends with the test.
func (p *party) run(program string, args, env []string) *party {
	t := p.t
	t.Helper()
	p.give(p.dir)
	p.program = exec.Command(program, args...)
	p.program.Dir, p.program.Stdout, p.program.Stderr = p.dir, p.output, p.output
	p.program.Env = append([]string{"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=" + p.dir, "TMPDIR=" + p.dir, "LANG=C.UTF-8"}, env...)
	p.program.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if os.Geteuid() == 0 {
		p.program.SysProcAttr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
	}
	if err := p.program.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = p.program.Wait()
		close(p.ended)
	}()
	t.Cleanup(func() {
		_ = syscall.Kill(-p.program.Process.Pid, syscall.SIGTERM)
		select {
		case <-p.ended:
		case <-time.After(5 * time.Second):
		}
		_ = syscall.Kill(-p.program.Process.Pid, syscall.SIGKILL) // children that outlived it
		<-p.ended
		if t.Failed() {
			p.t = t
			t.Logf("%s printed:\n%s%s%s", p.name, p.output, p.log("error.log"), p.log("simplesamlphp.log"))
		}
	})
	return p
}

// ready waits until the service provider listens.
func (p *party) ready() {
	p.t.Helper()
	if p.program == nil { // it runs in the test
		return
	}
	eventually(p.t, p.name+" listens", func() bool {
		select {
		case <-p.ended:
			p.t.Fatalf("%s ended before it listened:\n%s", p.name, p.output)
		default:
		}
		c, err := net.Dial("tcp", "127.0.0.1:"+strconv.Itoa(p.port))
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	})
}

// metadata is what the service provider says of itself.
func (p *party) metadata() []byte {
	p.t.Helper()
	return fetched(p.t, p.base+p.described)
}

// debian is where the file of a Debian package is: on the machine, or in the package that scripts/test has fetched without
// installing it, for their installation would start servers.
func debian(t *testing.T, p *party, path string) string {
	t.Helper()
	if _, err := os.Stat(path); err == nil {
		return path
	}
	from := os.Getenv("PORTVAKT_SAML_JUDGES")
	if from == "" {
		from = filepath.Join("..", "..", ".cache", "saml-judges")
	}
	packages, err := filepath.Glob(filepath.Join(from, p.name, "*.deb"))
	if err != nil || len(packages) == 0 {
		t.Fatalf("%s is neither installed nor in %s: scripts/test fetches it", p.name, from)
	}
	root := filepath.Join(p.dir, "debian")
	for _, file := range packages {
		if out, err := exec.Command("dpkg-deb", "-x", file, root).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", file, err, out)
		}
	}
	return filepath.Join(root, path)
}

// mellon is mod_auth_mellon in an Apache of its own.
func mellon(t *testing.T, idp string) *party { return mellonWith(t, idp, "Off") }

// mellonForBrowsers is one whose cookies browsers take: from another site they come along only if they say so, which Secure
// ones may. A plain client does not send those to an address without TLS.
func mellonForBrowsers(t *testing.T, idp string) *party { return mellonWith(t, idp, "On") }

func mellonWith(t *testing.T, idp, secure string) *party {
	t.Helper()
	p := newParty(t, "mod_auth_mellon", idp)
	p.described, p.begin, p.acs, p.lands = "/mellon/metadata", "/protected", "/mellon/postResponse", "/protected"
	p.leaves = "/mellon/logout?ReturnTo=" + url.QueryEscape(p.base+"/left")
	p.can = abilities{passively: "/mellon/login?IsPassive=true&ReturnTo=" + url.QueryEscape(p.base+"/protected"), readsHidden: true, transient: true}
	p.copied("mellon", map[string]any{"Dir": p.dir, "Port": p.port, "Base": p.base, "Key": p.key, "Certificate": p.certificate, "IdPMetadata": p.known, "Secure": secure})
	p.write("artifact.xml", []byte(p.byArtifact("/artifact")))
	if err := os.Chmod(filepath.Join(p.dir, "shown.sh"), 0o700); err != nil { //nolint:gosec // a script
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(p.dir, "htdocs"), 0o700); err != nil {
		t.Fatal(err)
	}
	p.reread = func() {
		p.download()
		if err := p.program.Process.Signal(syscall.SIGUSR1); err != nil { // graceful: reads its configuration again
			p.t.Fatal(err)
		}
		// Children of the former configuration may answer one request each until they have gone.
		graceful := strings.Count(p.log("error.log"), "resuming normal operations")
		eventually(p.t, "Apache has read its configuration again", func() bool {
			return strings.Count(p.log("error.log"), "resuming normal operations") > graceful || graceful > 1
		})
	}
	return p.run("/usr/sbin/apache2", []string{"-f", filepath.Join(p.dir, "httpd.conf"), "-DFOREGROUND"}, nil)
}

// byArtifact is the metadata of a service provider at the path that fetches what it is answered.
func (p *party) byArtifact(path string) string {
	p.t.Helper()
	written, err := os.ReadFile(p.certificate)
	if err != nil {
		p.t.Fatal(err)
	}
	block, _ := pem.Decode(written)
	return `<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="` + p.base + path + `">
<SPSSODescriptor AuthnRequestsSigned="true" protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">
<KeyDescriptor use="signing"><KeyInfo xmlns="http://www.w3.org/2000/09/xmldsig#"><X509Data><X509Certificate>` + base64.StdEncoding.EncodeToString(block.Bytes) + `</X509Certificate></X509Data></KeyInfo></KeyDescriptor>
<SingleLogoutService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="` + p.base + path + `/mellon/logout"/>
<NameIDFormat>urn:oasis:names:tc:SAML:2.0:nameid-format:persistent</NameIDFormat>
<AssertionConsumerService index="0" isDefault="true" Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Artifact" Location="` + p.base + path + `/mellon/artifactResponse"/>
</SPSSODescriptor></EntityDescriptor>`
}

// log is a file that the program wrote.
func (p *party) log(name string) string {
	b, err := os.ReadFile(filepath.Join(p.dir, name))
	if err != nil && !os.IsNotExist(err) {
		p.t.Fatal(err)
	}
	return string(b)
}

// simplesamlphp is Debian's SimpleSAMLphp under PHP's own server.
func simplesamlphp(t *testing.T, idp string) *party {
	t.Helper()
	p := newParty(t, "simplesamlphp", idp)
	p.described, p.acs = "/module.php/saml/sp/metadata.php/default-sp", "/module.php/saml/sp/saml2-acs.php/default-sp"
	p.can = abilities{passively: "/login?passive=true", forces: true, choosesClass: true, readsHidden: true}
	p.copied("simplesamlphp", nil)
	p.said("said.json", nil)
	if err := os.Mkdir(filepath.Join(p.dir, "tmp"), 0o700); err != nil {
		t.Fatal(err)
	}
	program := debian(t, p, "/usr/share/simplesamlphp")
	p.reread = p.download // it reads the file with each request
	return p.run("/usr/bin/php", []string{"-S", "127.0.0.1:" + strconv.Itoa(p.port), "-t", filepath.Join(program, "www"), filepath.Join(p.dir, "router.php")},
		[]string{"SIMPLESAMLPHP_CONFIG_DIR=" + p.dir, "SIMPLESAMLPHP=" + program, "PHP_CLI_SERVER_WORKERS=3"})
}

// pysaml2 is Debian's pysaml2 in a small application.
func pysaml2(t *testing.T, idp string) *party {
	t.Helper()
	p := newParty(t, "pysaml2", idp)
	p.can = abilities{passively: "/login?passive=true", relays: true, forces: true, choosesClass: true}
	p.copied("", nil)
	modules := debian(t, p, "/usr/lib/python3/dist-packages/saml2")
	p.reread = func() {
		p.download()
		fetched(p.t, p.base+"/refresh")
	}
	return p.run("/usr/bin/python3", []string{filepath.Join(p.dir, "pysaml2.py"), p.said("said.json", nil)},
		[]string{"PYTHONPATH=" + filepath.Dir(modules), "PYTHONDONTWRITEBYTECODE=1"})
}

// npmParty is a service provider made of a library of npm's. packages is the folder with all of them, which whoever the
// program runs as may read.
func npmParty(t *testing.T, name, packages, idp string, can abilities) *party {
	t.Helper()
	p := newParty(t, name, idp)
	p.can = can
	p.copied("", nil)
	if err := os.Symlink(filepath.Join(packages, "node_modules"), filepath.Join(p.dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Dir(packages), 0o711); err != nil { //nolint:gosec // nobody has to get through
		t.Fatal(err)
	}
	p.reread = func() { fetched(p.t, p.base+"/refresh") }
	return p.run("node", []string{filepath.Join(p.dir, name+".mjs"), p.said("said.json", nil)}, nil)
}

// landed is what a service provider says came of a sign-in.
type landed struct {
	Error        string           `json:"error"`
	Issuer       string           `json:"issuer"`
	NameID       string           `json:"name_id"`
	Format       string           `json:"format"`
	SessionIndex string           `json:"session_index"`
	Class        string           `json:"class"`
	Instant      string           `json:"instant"`
	RelayState   string           `json:"relay_state"`
	Attributes   map[string]texts `json:"attributes"`
}

// texts are one text or several.
type texts []string

func (v *texts) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*v = texts{one}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(v))
}

// shown reads what the service provider shows after a sign-in: JSON, and of mod_auth_mellon the variables of a CGI.
func (p *party) shown(at *person) landed {
	p.t.Helper()
	if !strings.HasPrefix(at.at.String(), p.base) {
		p.t.Fatalf("%s: the person is at %s (%d), page %q:\n%s", p.name, at.at, at.status, at.page(), at.text)
	}
	var l landed
	if p.name != "mod_auth_mellon" {
		if strings.Contains(at.text, "SimpleSAML\\Error") { // its page of unexpected errors
			return landed{Error: textOf(at.doc)}
		}
		if err := json.Unmarshal([]byte(at.text), &l); err != nil {
			p.t.Fatalf("%s said %d at %s: %s\n%s", p.name, at.status, at.at, at.text, p.log("simplesamlphp.log"))
		}
		return l
	}
	if at.status != http.StatusOK {
		return landed{Error: fmt.Sprintf("%d %s", at.status, p.log("error.log"))}
	}
	l.Attributes = map[string]texts{}
	for line := range strings.Lines(at.text) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		switch name = strings.TrimPrefix(name, "MELLON_"); name {
		case "NAME_ID":
			l.NameID = value
		case "IDP":
			l.Issuer = value
		default:
			l.Attributes[name] = strings.Split(html.UnescapeString(value), "|") // it hands values on as they stand in the XML
		}
	}
	return l
}
