package authz

import (
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"portvakt/internal/directory"
	"portvakt/internal/web"
)

// TestEveryFactHasItsSentence explains what the random organizations ask, in every language, and wants each sentence of the
// catalogues used and none missing.
func TestEveryFactHasItsSentence(t *testing.T) {
	t.Parallel()
	if err := texts().Check(); err != nil {
		t.Error(err)
	}
	used, told := map[string]bool{}, 0
	for seed := range organizations() {
		x := newMaker(seed)
		s := Compile(x.m)
		for range questionsEach {
			e := s.Explain(x.anyQuestion())
			for _, f := range e.Facts {
				note(used, "fact", f)
			}
			for _, f := range e.Needed {
				note(used, "needed", f)
			}
			if len(used) == told {
				continue
			}
			told = len(used) // something new is said
			for _, l := range web.Languages() {
				for _, sentence := range e.Sentences(string(l), func(directory.MembershipID) string { return "Kari" }) {
					if strings.ContainsAny(sentence, "{}") || strings.Contains(sentence, "  ") || !strings.HasSuffix(sentence, ".") {
						t.Fatalf("%s: %q", l, sentence)
					}
				}
			}
		}
	}
	written := map[string]bool{}
	raw, err := fs.ReadFile(locales, "locales/en.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`(?m)^\s*"([^"]+)":`).FindAllStringSubmatch(string(raw), -1) {
		written[m[1]] = true
	}
	for _, key := range slices.Sorted(maps.Keys(used)) {
		if !written[key] {
			t.Errorf("%s has no sentence", key)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(written)) {
		if !used[key] {
			t.Errorf("%s is never said", key)
		}
	}
}

func note(used map[string]bool, part string, f Fact) {
	used[sentenceKey(part, f)] = true
	switch {
	case f.Kind == FactUnknown || f.Action == "":
	case slices.Contains(actionWords[:], f.Action):
		used["action."+f.Action] = true
	default:
		used["action.tool"] = true
	}
	for _, side := range []Side{f.From, f.To} {
		switch {
		case !side.Group.IsZero():
			used["side.group"] = true
		case side.WithBelow:
			used["side.below"] = true
		case !side.Role.IsZero():
			used["side.role"] = true
		}
	}
}

// TestSentencesArePlain reads one explanation in each language as a bookkeeper would.
func TestSentencesArePlain(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.m.Sharing["invoices"] = directory.SharingPrivate
	s := Compile(h.m)
	names := func(id directory.MembershipID) string { return h.names[id] }
	ask := func(subject, owner, action string) Explanation {
		return s.Explain(Question{Subject: h.id(subject), Module: "invoices", Action: action, Owner: Owner{Member: h.id(owner)}, At: testNow})
	}
	for language, want := range map[string]string{
		"en": "The profile Manager of the role Chief allows viewing in Invoices. The role Seller of Ola is below the role Chief of Kari in the role tree.",

		"nb": "Profilen Manager i rollen Chief gir lov til å se i Fakturaer. Rollen Seller, som Ola har, står under rollen Chief, som Kari har, i rolletreet.",
		"sv": "Profilen Manager i rollen Chief ger rätt att se i Invoices. Rollen Seller, som Ola har, står under rollen Chief, som Kari har, i rollträdet.",
		"de": "Das Profil Manager der Rolle Chief erlaubt das Ansehen in Invoices. Die Rolle Seller, die Ola hat, steht im Rollenbaum unter der Rolle Chief, die Kari hat.",
	} {
		if got := strings.Join(ask("Kari", "Ola", "view").Sentences(language, names), " "); got != want {
			t.Errorf("%s: %s", language, got)
		}
	}
	got := ask("Ola", "Kari", "edit").Sentences("en", names)
	want := []string{"The record belongs to Kari, and nothing opens it to Ola for changing.",
		"In Invoices, nobody sees the records of others unless a role or a rule allows it.",
		"The setting for Invoices would have to be that everybody sees and changes each other's records.",
		"A sharing rule would have to let Ola see and change what Kari owns in Invoices."}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	if got := ask("Ola", "Kari", "edit").Members(); !slices.Equal(got, []directory.MembershipID{h.id("Ola"), h.id("Kari")}) {
		t.Errorf("members %v", got)
	}
	if got := ask("Ola", "Kari", "edit").Sentences("fr", nil)[0]; !strings.Contains(got, h.id("Kari").String()) {
		t.Errorf("without names and in no language of ours: %q", got)
	}
}
