package scim_test

import (
	"context"
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

// script is a conversation as a real client has it: requests in order, and what each has to be answered. The files in
// testdata/scripts are written anew from the public documentation that each names.
type script struct {
	Source string
	Client struct { // who speaks; the rest of its settings are the defaults
		Profile           directory.ProvisioningProfile
		UnknownAttributes directory.UnknownAttributes `json:"unknown_attributes"`
		PatchAnswer       directory.PatchAnswer       `json:"patch_answer"`
	}
	Steps []json.RawMessage
}

// step is one request of a script. ${name} stands for what an earlier step saved. Values are found by JSON pointer (RFC 6901).
type step struct {
	Name    string
	Advance string // the clock, before the request
	Do      string // method, path behind the organization, query unescaped
	Headers map[string]string
	Body    json.RawMessage // a text is sent as it is
	Status  int
	Want    map[string]any
	Absent  []string
	Numbers []string          // pointers to numbers
	Has     map[string]string // header → what it begins with
	Save    map[string]string // name → pointer
}

// TestScripts plays every script on each engine.
func TestScripts(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/scripts/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) {
			t.Parallel()
			var s script
			decodeStrictly(t, must(os.ReadFile(file))(t), &s)
			testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
				w := newWorld(t, db, clock)
				w.token = "script-" + strings.Repeat("x", 20)
				must(w.dir.ProvisioningClients.Create(context.Background(), directory.ProvisioningClient{Organization: w.org.ID, Name: "Script", MayUsers: true, MayGroups: true, MayAccess: true,
					ProvisioningSettings: directory.ProvisioningSettings{Profile: s.Client.Profile, UnknownAttributes: s.Client.UnknownAttributes, PatchAnswer: s.Client.PatchAnswer}}, w.token))(t)
				w.play(s)
			})
		})
	}
}

func decodeStrictly(t testing.TB, raw []byte, into any) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(string(raw)))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		t.Fatalf("%v: %s", err, raw)
	}
}

func (w *world) play(s script) {
	w.t.Helper()
	saved := map[string]string{"admin": w.admin.ID.String()}
	for _, raw := range s.Steps {
		text := string(raw)
		for name, value := range saved {
			text = strings.ReplaceAll(text, "${"+name+"}", value)
		}
		var st step
		decodeStrictly(w.t, []byte(text), &st)
		if st.Advance != "" {
			w.clock.Advance(must(time.ParseDuration(st.Advance))(w.t))
		}
		got := w.send(st)
		if got.status != st.Status {
			w.t.Fatalf("%s (%s): %d, want %d: %s", st.Name, st.Do, got.status, st.Status, got.raw)
		}
		w.compare(st, got)
		for name, pointer := range st.Save {
			value, ok := got.pointer(pointer).(string)
			if !ok {
				w.t.Fatalf("%s: nothing at %s to save: %s", st.Name, pointer, got.raw)
			}
			saved[name] = value
		}
	}
}

func (w *world) send(st step) reply {
	w.t.Helper()
	method, target, _ := strings.Cut(st.Do, " ")
	path, query, asked := strings.Cut(target, "?")
	if asked {
		var parts []string
		for _, p := range strings.Split(query, "&") {
			name, value, _ := strings.Cut(p, "=")
			parts = append(parts, name+"="+url.QueryEscape(value))
		}
		path += "?" + strings.Join(parts, "&")
	}
	body := string(st.Body)
	if strings.HasPrefix(body, `"`) {
		if err := json.Unmarshal(st.Body, &body); err != nil {
			w.t.Fatal(err)
		}
	}
	var headers []string
	for name, value := range st.Headers {
		headers = append(headers, name, value)
	}
	return w.do(method, path, body, headers...)
}

func (w *world) compare(st step, got reply) {
	w.t.Helper()
	for pointer, want := range st.Want {
		if is := got.pointer(pointer); !reflect.DeepEqual(is, want) {
			w.t.Errorf("%s: %s is %v, want %v: %s", st.Name, pointer, is, want, got.raw)
		}
	}
	for _, pointer := range st.Absent {
		if is := got.pointer(pointer); is != nil {
			w.t.Errorf("%s: %s is %v, want nothing", st.Name, pointer, is)
		}
	}
	for _, pointer := range st.Numbers {
		if _, ok := got.pointer(pointer).(float64); !ok {
			w.t.Errorf("%s: %s is no number: %s", st.Name, pointer, got.raw)
		}
	}
	for name, begin := range st.Has {
		if !strings.HasPrefix(got.header.Get(name), begin) {
			w.t.Errorf("%s: %s is %q", st.Name, name, got.header.Get(name))
		}
	}
}

// pointer finds a value by JSON pointer.
func (r reply) pointer(p string) any {
	var v any = r.json
	for _, part := range strings.Split(p, "/")[1:] {
		switch in := v.(type) {
		case map[string]any:
			v = in[strings.NewReplacer("~1", "/", "~0", "~").Replace(part)]
		case []any:
			i, err := strconv.Atoi(part)
			if err != nil || i >= len(in) {
				return nil
			}
			v = in[i]
		default:
			return nil
		}
	}
	return v
}
