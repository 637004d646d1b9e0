package authz

import (
	"embed"
	"slices"
	"sync"

	"portvakt/internal/directory"
	"portvakt/internal/web"
)

//go:embed locales
var locales embed.FS

// texts are read once; that they can be is a test's part (TestEveryFactHasItsSentence).
var texts = sync.OnceValue(func() *web.Catalogue {
	c, err := web.LoadCatalogue(locales)
	if err != nil {
		panic(err)
	}
	return c
})

// Names gives the name to show for a member; "" shows the id.
type Names func(directory.MembershipID) string

// Sentences are the facts, and after them what would have been needed, as a person reads them. Any language but en, nb, sv
// and de is English.
func (e Explanation) Sentences(language string, names Names) []string {
	out := make([]string, 0, len(e.Facts)+len(e.Needed))
	t := teller{e.in, web.Language(language), max(0, slices.Index(directory.Languages, language)), names}
	for _, f := range e.Facts {
		out = append(out, t.tell("fact", f))
	}
	for _, f := range e.Needed {
		out = append(out, t.tell("needed", f))
	}
	return out
}

// teller writes facts in one language.
type teller struct {
	s        *Snapshot
	language web.Language
	index    int
	names    Names
}

// sentenceKey finds the sentence of a fact: most kinds have one, some one for each word.
func sentenceKey(part string, f Fact) string {
	key := part + "." + f.Kind
	switch f.Kind {
	case FactGroupRole:
		if f.Word != "" {
			key += "." + f.Word
		}
	case FactRole:
		if !f.Below.IsZero() {
			key += ".below"
		}
	case FactNotShared:
		return ofGroup(key, f)
	case FactField, FactDefault, FactUnknown:
		return key + "." + f.Word
	case FactSegment, FactState:
		if part == "fact" {
			return key + "." + f.Word
		}
	case FactGrant:
		if part == "needed" {
			return key + "." + f.Word
		}
	case FactRule:
		return ofGroup(key+"."+f.Word, f)
	case FactProfile:
		if f.Profile.IsZero() {
			return key + ".any"
		}
	}
	return key
}

func ofGroup(key string, f Fact) string {
	if !f.Group.IsZero() {
		return key + ".group"
	}
	return key
}

func (t teller) tell(part string, f Fact) string {
	action := f.Action
	if f.Kind != FactUnknown && action != "" {
		action = t.action(action)
	}
	return texts().T(t.language, sentenceKey(part, f),
		"member", t.member(f.Member), "owner", t.member(f.Owner), "heir", t.member(f.Heir), "role", t.role(f.Role), "below", t.role(f.Below),
		"group", t.group(f.Group), "inner", t.group(f.Inner), "profile", t.profile(f.Profile), "from", t.side(f.From), "to", t.side(f.To),
		"module", t.module(f.Module), "action", action, "package", t.pack(f.Package), "segment", t.segment(f.Segment), "field", f.Field)
}

func (t teller) member(id directory.MembershipID) string {
	if t.names != nil && !id.IsZero() {
		if name := t.names(id); name != "" {
			return name
		}
	}
	return id.String()
}

func (t teller) role(id directory.RoleID) string {
	if i, known := t.s.roleAt[id]; known {
		return nameOr(t.s.roles[i].name, t.s.roles[i].key)
	}
	return id.String()
}

func (t teller) group(id directory.GroupID) string {
	if i, known := t.s.groupAt[id]; known {
		return nameOr(t.s.groups[i].name, t.s.groups[i].key)
	}
	return id.String()
}

func (t teller) profile(id directory.ProfileID) string {
	for i := range t.s.profiles {
		if p := &t.s.profiles[i]; p.id == id {
			return nameOr(p.name, p.key)
		}
	}
	return id.String()
}

func (t teller) module(key string) string {
	if i, known := t.s.moduleAt[key]; known {
		return t.s.modules[i].names[t.index]
	}
	return key
}

func (t teller) pack(key string) string {
	if i, known := t.s.packageAt[key]; known {
		return t.s.packages[i].names[t.index]
	}
	return key
}

func (t teller) segment(key string) string {
	if i, known := t.s.segmentAt[key]; known {
		return nameOr(t.s.segments[i].name, key)
	}
	return key
}

// action is what is done, in words; what is no action of every module is a tool.
func (t teller) action(word string) string {
	if slices.Contains(actionWords[:], word) {
		return texts().T(t.language, "action."+word)
	}
	return texts().T(t.language, "action.tool", "tool", word)
}

func (t teller) side(side Side) string {
	switch {
	case !side.Group.IsZero():
		return texts().T(t.language, "side.group", "group", t.group(side.Group))
	case side.WithBelow:
		return texts().T(t.language, "side.below", "role", t.role(side.Role))
	}
	return texts().T(t.language, "side.role", "role", t.role(side.Role))
}

func nameOr(name, key string) string {
	if name != "" {
		return name
	}
	return key
}
