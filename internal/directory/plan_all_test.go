package directory_test

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

// ran are the statements that this package's code ran in its tests, for TestPlansOfEverything.
var ran statements

type statements struct {
	mu    sync.Mutex
	texts map[string]bool
}

// add keeps a statement that the package runs itself or has run by others, not one of its tests' own.
func (s *statements) add(text string) {
	pc := make([]uintptr, 32)
	frames := runtime.CallersFrames(pc[:runtime.Callers(3, pc)])
	for {
		f, more := frames.Next()
		if strings.Contains(f.File, "internal/directory/") && !strings.HasSuffix(f.File, "_test.go") {
			break
		}
		if !more {
			return
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.texts[text] = true
}

// TestMain runs the tests, and then, unless some were chosen, plans every statement that they ran.
func TestMain(m *testing.M) {
	ran.texts = map[string]bool{}
	testenv.Trace = ran.add
	flag.Parse()
	const last = "^TestPlansOfEverything$"
	skipped := flag.Lookup("test.skip").Value.String()
	chosen := flag.Lookup("test.run").Value.String() + skipped + flag.Lookup("test.bench").Value.String() +
		flag.Lookup("test.fuzz").Value.String() + flag.Lookup("test.list").Value.String()
	_ = flag.Set("test.skip", strings.TrimPrefix(skipped+"|"+last, "|"))
	code := m.Run()
	if code == 0 && chosen == "" {
		_ = flag.Set("test.skip", "")
		_ = flag.Set("test.run", last)
		code = m.Run()
	}
	os.Exit(code)
}

// growing are the tables that an installation has many rows of; a scan of one from end to end is refused.
const growing = `(memberships|users|organizations|organization_domains|organization_logos|provisioning_tokens|member_\w+|group_members|invitations|endings|transfers|` +
	`transfer_parts|reminders|provisioning_requests|provisioning_request_logs|feature_activations|service_account_credentials|domain_claims|erasures)`

var (
	wholeTable = map[sqldb.Engine]*regexp.Regexp{
		sqldb.PostgreSQL: regexp.MustCompile(`Seq Scan on ` + growing + `\b`),
		sqldb.SQLite:     regexp.MustCompile(`^SCAN ` + growing + `\b`), // an alias is resolved by plainly
	}
	statement = regexp.MustCompile(`(?i)^\s*(select|insert|update|delete|with)\s`)
	parameter = regexp.MustCompile(`\$(\d+)`)
)

// excused are statements that may read a whole table, by how they begin or what they hold, and why.
var excused = map[string]string{
	"insert into modules (key":   "SQLite would look for rows that waited for the module, of which there are none; the installation's own file, at its start",
	"insert into packages (key":  "likewise",
	"$1000,":                     "as many members at once as this test's tables have",
	"from function_vacancies v":  "portvakt doctor looks at all that stand vacant",
	"from erasures e join":       "portvakt doctor looks at all that were erased",
	"join member_packages other": "a package of the installation becomes a base: once, by an operator",
	"update organizations set access_version = access_version + 1": "what the whole installation shares has changed",
	"select id from organizations order by id":                     "every organization's snapshot is built anew, at an operator's word",
	"from recalculations r join organizations o":                   "portvakt doctor asks whose snapshots differed from the rows",
	"from organizations o where o.state = 'active' and not exists": "the operator's question which organizations nobody administers",
}

func excuse(text string) bool {
	for part := range excused {
		if strings.Contains(text, part) {
			return true
		}
	}
	return false
}

// TestPlansOfEverything: no statement of this package reads a large table from end to end. PostgreSQL plans without values
// and is told to avoid such reading, so that whether it is avoided depends on the indexes and not on how many rows a test
// has. TestMain runs it by itself after all others.
func TestPlansOfEverything(t *testing.T) {
	texts := slices.DeleteFunc(slices.Sorted(maps.Keys(ran.texts)), func(s string) bool {
		return !statement.MatchString(s) || strings.Contains(s, "from pg_class") // PostgreSQL's own table, which SQLite has not
	})
	texts = append(texts, unrun(t, texts)...)
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		fullHouse(t, db)
		for _, text := range texts {
			lines, err := generic(db, text)
			if err != nil {
				t.Errorf("cannot be planned; if it is a part of a text, a test must run the whole: %v\n%s", err, text)
				continue
			}
			if bad := wholeReads(db.Engine(), text, lines); len(bad) > 0 && !excuse(text) {
				t.Errorf("reads a whole table: %s\n%s", strings.Join(bad, "; "), text)
			}
		}
	})
}

// unrun are the statements in this package's source that no test of the package runs; a test of another package may.
func unrun(t *testing.T, texts []string) (out []string) {
	t.Helper()
	all := strings.Join(texts, "\n\n")
	files, err := filepath.Glob("*_sql.go")
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	for _, name := range files {
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				if text, err := strconv.Unquote(lit.Value); err == nil && len(text) > 20 && statement.MatchString(text) && !strings.Contains(all, text) {
					out = append(out, text)
				}
			}
			return true
		})
	}
	return out
}

// generic is the plan of a statement without values, a line for each step.
func generic(db *sqldb.DB, text string) (lines []string, err error) {
	most := 0
	for _, p := range parameter.FindAllStringSubmatch(text, -1) {
		n, _ := strconv.Atoi(p[1])
		most = max(most, n)
	}
	line := func(r sqldb.Row) (line string, err error) { err = r.Scan(&line); return line, err }
	if db.Engine() == sqldb.SQLite {
		return sqldb.All(ctx, db, func(r sqldb.Row) (line string, err error) {
			var a, b, c int64
			err = r.Scan(&a, &b, &c, &line)
			return line, err
		}, "explain query plan "+text, make([]any, most)...)
	}
	err = db.Update(ctx, func(tx *sqldb.Tx) error {
		for _, set := range []string{"set local plan_cache_mode = force_generic_plan", "set local enable_seqscan = off", "prepare planned as " + text} {
			if _, err := tx.Exec(ctx, set); err != nil {
				return err
			}
		}
		values := ""
		if most > 0 {
			values = "(" + strings.TrimSuffix(strings.Repeat("null, ", most), ", ") + ")"
		}
		if lines, err = sqldb.All(ctx, tx, line, fmt.Sprintf("explain (costs off) execute planned%s", values)); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "deallocate planned")
		return err
	})
	return lines, err
}

// wholeReads are the steps that read a growing table from end to end.
func wholeReads(engine sqldb.Engine, text string, lines []string) (bad []string) {
	for _, line := range lines {
		if engine == sqldb.SQLite {
			if line == "SCAN m" && slices.Contains(lines, "CO-ROUTINE m") { // the page that was found, not the table
				continue
			}
			line = plainly(line, text)
		}
		if wholeTable[engine].MatchString(line) {
			bad = append(bad, strings.TrimSpace(line))
		}
	}
	return bad
}

// plainly puts the table's name where a step of SQLite's plan names its alias.
func plainly(line, text string) string {
	alias, rest, _ := strings.Cut(strings.TrimPrefix(line, "SCAN "), " ")
	if !strings.HasPrefix(line, "SCAN ") || strings.Contains(rest, "USING") && !strings.Contains(rest, "INDEX") {
		return line
	}
	if found := regexp.MustCompile(`(?i)\b(?:from|join)\s+(\w+)\s+(?:as\s+)?` + regexp.QuoteMeta(alias) + `\b`).FindStringSubmatch(text); found != nil {
		return "SCAN " + found[1] + " " + rest
	}
	return line
}
