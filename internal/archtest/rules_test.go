package archtest

// module is our import path.
const module = "portvakt"

// doors says which of our packages a package may import. A package without a line here obeys roomRule and floors below.
// A name stands for the package and everything under it.
var doors = map[string][]string{
	"internal/fault":       {},
	"internal/actor":       {},
	"internal/secret":      {},
	"internal/config":      {},
	"internal/sqldb":       {},
	"internal/jwk":         {"internal/fault"},
	"internal/bearertoken": {},
	"internal/brand":       {"internal/fault"},
	"migrations":           {},
	"internal/archtest":    {},
	"internal/ratelimit":   {"internal/sqldb", "internal/fault"},
	"internal/outbox":      {"internal/sqldb", "internal/actor", "internal/fault", "internal/secret"},
	"internal/audit":       {"internal/sqldb", "internal/actor", "internal/fault", "internal/secret"},
	"internal/directory":   {"internal/sqldb", "internal/outbox", "internal/audit", "internal/actor", "internal/fault", "internal/jwk", "internal/brand"},
	"internal/httpserver":  {"internal/actor", "internal/fault", "internal/config"},
	"internal/web":         {"internal/fault", "internal/config", "internal/secret"},
	"internal/outgoing":    {"internal/fault", "internal/config", "internal/secret"},
	"internal/notice":      {"internal/directory", "internal/outbox", "internal/mail", "internal/fault", "internal/sqldb"},
	"internal/mail":        {"internal/fault", "internal/config", "internal/secret", "internal/sqldb", "internal/brand"},
	"internal/testenv":     {"internal", "migrations"},
	"internal/api":         {"internal/directory", "internal/ratelimit", "internal/actor", "internal/bearertoken", "internal/fault"},
	"internal/webhook":     {"internal/directory", "internal/outbox", "internal/outgoing", "internal/sqldb", "internal/fault"},
	"scim":                 {"internal"},
	"authz":                {"internal"},
	"authz/authzen":        {"authz", "internal"},
	"authz/client":         {}, // applications take it alone
	"idp/saml/wire":        {"internal/fault"},
}

// floors are the storeys of idp: a package may import those of lower floors, and internal. Neighbours on one floor do
// not see each other.
var floors = map[string]int{
	"idp/gate": 0, "idp/credential": 0, "idp/signing": 0, "idp/web": 0, "idp/saml/wire": 0,
	"idp/session": 1, "idp/application": 1, "idp/token": 1,
	"idp/interaction": 2, "idp/bearer": 2,
	"idp/account": 3,
	"idp/oidc":    4, "idp/saml": 4,
}

// tools are packages that only tests may import.
var tools = []string{"internal/testenv"}

// withoutLibraries may import the standard library and golang.org/x only, beside what libraries says.
var withoutLibraries = []string{"internal/fault", "internal/actor", "internal/secret", "internal/sqldb", "internal/config", "internal/httpserver", "internal/outgoing", "authz/client"}

// libraries says who may import a library: its types end behind that door.
var libraries = map[string][]string{
	"github.com/jackc/pgx":        {"internal/sqldb"},
	"modernc.org":                 {"internal/sqldb"},
	"database/sql":                {"internal/sqldb"},
	"github.com/go-jose":          {"authz/client"}, // the service has signing and keys of its own
	"go.yaml.in/yaml":             {"internal/config", "cmd"},
	"github.com/zitadel":          {"idp/oidc"},
	"github.com/crewjam/saml":     {"idp/saml"},
	"github.com/russellhaering":   {"idp/saml"},
	"github.com/beevik/etree":     {"idp/saml"},
	"github.com/mattermost":       {"idp/saml"},
	"github.com/go-webauthn":      {"idp/credential"},
	"github.com/elimity-com/scim": {"scim"},
	"github.com/scim2":            {"scim"},
	"github.com/wneessen/go-mail": {"internal/mail"},
	"github.com/alecthomas/kong":  {"cmd"},
	"github.com/coreos/go-oidc":   {"cmd"},
	"golang.org/x/oauth2":         {"cmd"},
	"github.com/chromedp":         {}, // tests only
	"github.com/emersion/go-smtp": {}, // tests only
	"github.com/stretchr/testify": {}, // tests only
	"github.com/google/go-cmp":    {}, // tests only
	"golang.org/x/crypto/argon2":  {"internal/secret"},
	"unsafe":                      {},
	"math/rand":                   {"internal/httpserver", "internal/outbox", "internal/sqldb", "cmd", "authz/client"}, // never for secrets
	"net/http":                    {"cmd", "idp/interaction", "idp/session", "idp/account", "idp/oidc", "idp/saml", "idp/web", "scim", "internal/httpserver", "internal/web", "internal/outgoing", "internal/console", "internal/testenv", "internal/api", "internal/webhook", "authz/authzen", "authz/client"},
	"html/template":               {"internal/web", "idp/web", "internal/mail", "cmd"},
	"encoding/gob":                {},
}

// sqlFiles may hold SQL: these packages, beside every file named *_sql.go and the tests.
var sqlFiles = []string{"internal/sqldb", "internal/testenv"}

// clockFiles may read the machine's clock. Everybody else asks db.Now or tx.Now, so that tests and /dev/clock own time.
var clockFiles = []string{"internal/sqldb", "internal/httpserver", "internal/testenv", "cmd", "authz/client"}

// hostFiles may read the host of a request that somebody sent us: nobody, because what is built from it is built by an
// attacker. outgoing looks at requests that we send.
var hostFiles = []string{"internal/outgoing"}

const (
	maxFileLines     = 500
	maxFunctionLines = 80
	maxParameters    = 5
)

// shapes are package names that say nothing about a job.
var shapes = []string{"util", "utils", "common", "models", "helpers", "helper", "misc", "shared", "base", "types"}

// forced are functions whose parameters another library's interface prescribes.
var forced = map[string]bool{}
