//go:build e2e

package scim

import (
	"bufio"
	"encoding/json"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"portvakt/internal/testenv"
)

// verdict is what scim-patch makes of an operation.
type verdict struct {
	Resource map[string]any
	Refused  string // the error's class
	ScimType string
}

// patchJudge is scim-patch in a process of its own, which answers a line for a line.
type patchJudge struct {
	ask    *json.Encoder
	answer *bufio.Reader
}

func newPatchJudge(t *testing.T) *patchJudge {
	t.Helper()
	in, out := testenv.Node(t, "testdata/patch-judge", "judge.mjs")
	return &patchJudge{json.NewEncoder(in), bufio.NewReader(out)}
}

func (j *patchJudge) says(t *testing.T, resource, operation any) (v verdict) {
	t.Helper()
	if err := j.ask.Encode(map[string]any{"resource": resource, "operation": operation}); err != nil {
		t.Fatal(err)
	}
	line, err := j.answer.ReadBytes('\n')
	if err != nil {
		t.Fatalf("scim-patch answers nothing: %v", err)
	}
	if err := json.Unmarshal(line, &v); err != nil {
		t.Fatalf("%v: %s", err, line)
	}
	return v
}

// patchTalk is a resource and what is done to it.
type patchTalk struct {
	start map[string]any
	steps []modelOperation
}

// TestRFC7644_3_5_2_Judge compares each operation of many conversations with scim-patch, the library of npm's. Where one of
// known departures explains a difference, what the operation is not about has to be the same all the same. The conversations
// are the same in every run, and each departure has to be met: one that is mended there has to go here.
func TestRFC7644_3_5_2_Judge(t *testing.T) {
	t.Parallel()
	judge, r := newPatchJudge(t), reader{registry: testRegistry(t)}
	talks := rapid.Custom(func(t *rapid.T) patchTalk {
		return patchTalk{modelResource(t), rapid.SliceOfN(rapid.Custom(modelStep), 1, 5).Draw(t, "steps")}
	})
	met, agreed := map[string]int{}, 0
	for seed := range 4000 {
		talk := talks.Example(seed)
		is := copied(t, talk.start)
		for _, s := range talk.steps {
			before := copied(t, is)
			op, err := doStep(t, r, is, s)
			clean, _ := tidy(before).(map[string]any)
			said := judge.says(t, clean, op)
			known := departuresOf(deed{s, clean, said, err})
			if len(known) == 0 {
				agreed++
			}
			for _, d := range known {
				met[d.name]++
			}
			if why := disagree(t, s, is, err, said, known); why != "" {
				t.Fatalf("%s\n%s\non  %s\nours %s %v\ntheirs %s %s", why, marshal(t, op), marshal(t, clean), marshal(t, tidy(is)), err, marshal(t, tidy(said.Resource)), said.Refused)
			}
			if err != nil {
				break
			}
		}
	}
	for _, d := range departures {
		if met[d.name] == 0 {
			t.Errorf("nothing departs any more by %q", d.name)
		}
	}
	t.Logf("%d operations done alike, departures %v", agreed, met)
	if agreed < 7000 {
		t.Errorf("only %d operations were compared whole", agreed)
	}
}

// doStep does one operation as a PATCH of its own, to the resource.
func doStep(t *testing.T, r reader, is map[string]any, s modelOperation) (written map[string]any, refused error) {
	t.Helper()
	written = s.written()
	body, err := readJSON(marshal(t, map[string]any{"schemas": []any{patchURN}, "Operations": []any{written}}), oneResource)
	if err != nil {
		t.Fatal(err)
	}
	ops, err := r.parsePatch(body)
	if err != nil {
		return written, err
	}
	return written, applyPatch(is, ops)
}

// disagree says how the outcomes differ, beyond what the departures explain.
func disagree(t *testing.T, s modelOperation, is map[string]any, err error, said verdict, known []departure) string {
	t.Helper()
	ours, theirs := copied(t, is), said.Resource
	several, refuses := primaries(entriesOf(ours, s.attr)) > 1, false
	for _, d := range known {
		refuses = refuses || d.refuses
		d.beside(s, ours)
		d.beside(s, theirs)
	}
	switch {
	case several: // scim-patch leaves several
		return "several of ours are primary"
	case (err != nil) != (said.Refused != ""):
		if !refuses {
			return "one refuses"
		}
	case err != nil && said.ScimType == "noTarget" && toRefusal(err).ScimType != "noTarget":
		return "refused for another reason"
	case err == nil && !reflect.DeepEqual(tidy(ours), tidy(theirs)):
		return "the outcomes differ"
	}
	return ""
}
