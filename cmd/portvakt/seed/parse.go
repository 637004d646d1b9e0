package seed

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"portvakt/internal/config"
	"portvakt/internal/directory"
	"portvakt/internal/fault"
	"portvakt/internal/secret"
)

// Options are what Parse must be told from outside.
type Options struct {
	// AllowPlainSecrets lets passwords, secrets and tokens stand in the file. For development only.
	AllowPlainSecrets bool
	// Folder is what the paths of secret_file and token_file are relative to; "" is the file's own folder.
	Folder string
	// ReadFile reads the pictures of brands; os.ReadFile if nil.
	ReadFile func(path string) ([]byte, error)
	// CheckApplication judges a registration; idp/application's Check.
	CheckApplication func(directory.ClientMetadata) []*fault.Fault
	// CheckTOTP judges an authenticator secret.
	CheckTOTP func(base32 string) error
	// CheckHash judges a password hash of another system.
	CheckHash func(text string) error
	// ReadMetadata reads a service provider's metadata; an entity id picks one of several, and a certificate (DER) is that of
	// who must have signed it. idp/saml's.
	ReadMetadata func(doc []byte, entityID string, signedBy []byte) (entity string, m directory.SAMLMetadata, err error)
	// AttributeTemplates are the names of the ready attributes for service providers.
	AttributeTemplates []string
}

const minSecret = 6 // characters; what machines make is far longer

// Parse reads a file and finds every mistake that the file alone shows. What it names without declaring is left to
// Resolve. With problems, the file is good for nothing but Resolve, which adds its own.
func Parse(name string, data []byte, o Options) (*File, config.Problems) {
	f := &File{name: name}
	problems := config.Decode(name, data, f)
	if o.Folder == "" {
		o.Folder = filepath.Dir(name)
	}
	c := &checker{file: f, options: o, problems: problems, people: map[string]Word{}, passwords: map[string]*Member{}}
	c.declare()
	c.installation()
	for i := range f.Organizations {
		c.organization(&f.Organizations[i])
	}
	c.applications()
	c.serviceProviders()
	return f, ordered(c.problems)
}

func ordered(ps config.Problems) config.Problems {
	slices.SortStableFunc(ps, func(a, b config.Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return slices.CompactFunc(ps, func(a, b config.Problem) bool { return a == b })
}

// checker walks a file once, with what it has declared so far.
type checker struct {
	file      *File
	options   Options
	problems  config.Problems
	modules   map[string]*Module
	packages  map[string]bool
	features  map[string]bool
	slugs     map[string]bool
	people    map[string]Word    // by e-mail key, of the whole file
	passwords map[string]*Member // the member that first gave a person's password
}

// say reports a problem; positions inside the file do not know its name.
func (c *checker) say(at config.Position, format string, args ...any) {
	at.Source = c.file.name
	c.problems = append(c.problems, at.Problem(format, args...))
}

// sayFault reports what the directory would refuse.
func (c *checker) sayFault(at config.Position, what string, err error) {
	if err == nil {
		return
	}
	f := fault.Of(err)
	if f.Kind == fault.Internal {
		c.say(at, "%s: %v", what, err)
		return
	}
	c.say(at, "%s: %s", what, lowerFirst(f.Text))
}

func lowerFirst(s string) string {
	if s == "" {
		return s
	}
	return strings.ToLower(s[:1]) + s[1:]
}

// id reports a missing, malformed or repeated identifier; noun is what it identifies.
func (c *checker) id(seen map[string]bool, w Word, owner config.Position, noun string) bool {
	switch {
	case !w.present():
		c.say(owner, "a %s has no id", noun)
		return false
	case directory.CheckKey(w.Text) != nil:
		c.sayFault(w.at, noun+" "+quoted(w.Text), directory.CheckKey(w.Text))
		return false
	case seen[w.Text]:
		c.say(w.at, "%s %q stands here again", noun, w.Text)
		return false
	}
	seen[w.Text] = true
	return true
}

func quoted(s string) string {
	if r := []rune(s); len(r) > 40 {
		s = string(r[:40]) + "…"
	}
	return `"` + s + `"`
}

// oneOf reports a word that is none of the allowed ones; an absent word is fine.
func (c *checker) oneOf(w Word, key string, allowed ...string) {
	if w.present() && !slices.Contains(allowed, w.Text) {
		c.say(w.at, "%s is %q; it can be: %s", key, w.Text, strings.Join(allowed, ", "))
	}
}

// plain reports a secret that stands in the file where it may not.
func (c *checker) plain(at config.Position, key string, value secret.Text, instead string) {
	if value != "" && !c.options.AllowPlainSecrets {
		c.say(at, "%s stands here in plain text, which is for development only; %s", key, instead)
	}
}

// secretOf takes a secret from its key or from the file that the other key names.
func (c *checker) secretOf(at config.Position, key string, value *secret.Text, path string) {
	c.plain(at, key, *value, "write "+key+"_file with the path of a file that holds it")
	if path != "" {
		if *value != "" {
			c.say(at, "%s and %s_file exclude each other", key, key)
			return
		}
		if !filepath.IsAbs(path) {
			path = filepath.Join(c.options.Folder, path)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			c.say(at, "%s_file cannot be read: %v", key, err)
			return
		}
		*value = secret.Text(strings.TrimRight(string(b), "\r\n"))
		if *value == "" {
			c.say(at, "%s_file is empty", key)
			return
		}
	}
	if *value != "" && len(*value) < minSecret {
		c.say(at, "%s is shorter than %d characters", key, minSecret)
	}
}

// declare notes what the file declares for everybody, before anything refers to it.
func (c *checker) declare() {
	c.modules, c.packages, c.slugs = map[string]*Module{}, map[string]bool{}, map[string]bool{}
	for i := range c.file.Modules {
		if m := &c.file.Modules[i]; c.modules[m.ID.Text] == nil {
			c.modules[m.ID.Text] = m
		}
	}
	for _, p := range c.file.Packages {
		c.packages[p.ID.Text] = true
	}
	c.features = map[string]bool{}
	for _, f := range c.file.Features {
		c.features[f.ID.Text] = true
	}
	for i := range c.file.Organizations {
		o := &c.file.Organizations[i]
		c.slugs[o.Slug.Text] = true
		for _, m := range o.Members {
			if e, err := directory.ParseEmail(m.Email.Text); err == nil && m.Kind.Text != string(directory.ContactOnly) {
				c.people[e.Key] = m.Email
			}
		}
	}
}

// installation checks modules, packages and operators.
func (c *checker) installation() {
	seen := map[string]bool{}
	for i := range c.file.Modules {
		m := &c.file.Modules[i]
		if c.id(seen, m.ID, m.Position, "module") {
			c.names(m.Position, "module "+m.ID.Text, m.Name)
			c.parts(m)
		}
	}
	seen = map[string]bool{}
	for i := range c.file.Packages {
		p := &c.file.Packages[i]
		if !c.id(seen, p.ID, p.Position, "package") {
			continue
		}
		c.names(p.Position, "package "+p.ID.Text, p.Name)
		c.grants(p.Grants)
	}
	seen = map[string]bool{}
	for i := range c.file.Features {
		if f := &c.file.Features[i]; c.id(seen, f.ID, f.Position, "feature") {
			c.names(f.Position, "feature "+f.ID.Text, f.Name)
		}
	}
	for _, w := range c.file.Operators {
		e, err := directory.ParseEmail(w.Text)
		if err != nil {
			c.sayFault(w.at, "operator "+quoted(w.Text), err)
		} else if _, here := c.people[e.Key]; !here {
			c.refer(w, reference{noun: "user", key: w.Text})
		}
	}
}

// parts checks a module's fields and tools.
func (c *checker) parts(m *Module) {
	fields, tools := map[string]bool{}, map[string]bool{}
	for _, w := range m.Fields {
		c.id(fields, w, m.Position, "field")
	}
	for _, w := range m.Tools {
		if c.id(tools, w, m.Position, "tool") && slices.Contains([]string{"view", "create", "edit", "delete"}, w.Text) {
			c.say(w.at, "a tool cannot be called %q, which is an action of every module", w.Text)
		}
	}
}

func (c *checker) names(at config.Position, what string, names map[string]string) {
	for _, language := range slices.Sorted(keysOf(names)) {
		if !slices.Contains(directory.Languages, language) {
			c.say(at, "%s has a name in %q; the languages are %s", what, language, strings.Join(directory.Languages, ", "))
		}
	}
}

// grants checks module → grade.
func (c *checker) grants(grants Entries[Word]) {
	for _, g := range grants {
		c.module(g.Key)
		c.oneOf(g.Value, "grade", string(directory.GradeNone), string(directory.GradeView), string(directory.GradeEdit))
	}
}

// module notes a module that the file names without declaring it.
func (c *checker) module(w Word) {
	if w.present() && c.modules[w.Text] == nil {
		c.refer(w, reference{noun: "module", key: w.Text})
	}
}

func (c *checker) applications() {
	seen := map[string]bool{}
	for i := range c.file.Applications {
		a := &c.file.Applications[i]
		if !a.ClientID.present() {
			c.say(a.Position, "an application has no client_id")
			continue
		}
		if seen[a.ClientID.Text] {
			c.say(a.ClientID.at, "application %q stands here again", a.ClientID.Text)
			continue
		}
		seen[a.ClientID.Text] = true
		c.application(a)
	}
}

func (c *checker) application(a *Application) {
	what := "application " + quoted(a.ClientID.Text)
	c.sayFault(a.ClientID.at, what, directory.CheckClientID(a.ClientID.Text))
	c.secretOf(a.Position, "secret", &a.Secret, a.SecretFile)
	switch {
	case a.public() && a.Secret != "":
		c.say(a.Position, "%s is public (token_endpoint_auth_method: none) and cannot keep a secret", what)
	case !a.public() && !a.byKey() && a.Secret == "" && a.SecretFile == "":
		c.refer(Word{a.ClientID.Text, a.Position}, reference{noun: "application", key: a.ClientID.Text, needs: "a secret or secret_file"})
	}
	for _, w := range a.Modules {
		c.module(w)
	}
	if a.Modules != nil && len(a.Modules) == 0 {
		c.say(a.Position, "%s has an empty list of modules; leave the key out for all modules", what)
	}
	for _, w := range a.Organizations.Slugs {
		c.slug(w)
	}
	c.accessClaims(a)
	if c.options.CheckApplication == nil {
		return
	}
	for _, f := range c.options.CheckApplication(a.metadata(directory.ClientMetadata{})) {
		if c.keptElsewhere(a, f) {
			c.refer(Word{a.ClientID.Text, a.Position}, reference{noun: "application", key: a.ClientID.Text, needs: f.Field})
			continue
		}
		c.say(a.Position, "%s, %s: %s", what, f.Field, lowerFirst(f.Text))
	}
}

// keptElsewhere reports whether a fault is only that a key is absent, which an application that exists already may have.
func (c *checker) keptElsewhere(a *Application, f *fault.Fault) bool {
	return f.Field == "redirect_uris" && a.RedirectURIs == nil || f.Field == "jwks" && !a.JWKS.present() && a.JWKSURI == nil
}

// slug notes an organization that the file names without declaring it.
func (c *checker) slug(w Word) {
	if w.present() && !c.slugs[w.Text] {
		c.refer(w, reference{noun: "organization", key: w.Text})
	}
}
