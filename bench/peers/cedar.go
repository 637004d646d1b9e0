package main

import (
	"fmt"
	"strings"

	"github.com/cedar-policy/cedar-go"

	"portvakt/authz"
	"portvakt/internal/directory"
)

// cedarPeer asks cedar-go. Facts are entities; the rules of the model are policies, each sharing rule one of its own.
type cedarPeer struct {
	model    *directory.AccessModel
	entities cedar.EntityMap
	all      cedar.PolicyIterator
	byModule map[string]cedar.PolicyIterator // nil: all policies are looked at for each question
}

// ground are the rules that hold for everybody. Permission and segment are a forbid, so that what opens records stands
// apart from them.
const ground = `
forbid (principal, action, resource) unless {
  principal.duty in context.right && (principal.everySegment || principal.segments.contains(context.segment))
};
permit (principal, action, resource) when { principal in context.owner };
permit (principal, action, resource) when {
  context has ownerRole && context.ownerRole in principal.role && context.ownerRole != principal.role
};
`

func newCedar(m *directory.AccessModel, byModule bool) (*cedarPeer, error) {
	p := &cedarPeer{model: m, entities: cedar.EntityMap{}}
	add := func(uid cedar.EntityUID, attributes cedar.RecordMap, parents ...cedar.EntityUID) {
		p.entities[uid] = cedar.Entity{UID: uid, Parents: cedar.NewEntityUIDSet(parents...), Attributes: cedar.NewRecord(attributes)}
	}
	for _, x := range m.Modules {
		add(uid("Module", x.Key), nil)
	}
	for _, x := range m.Profiles {
		var rights []cedar.EntityUID
		for module, pm := range x.Modules {
			rights = append(rights, cedarRights(module, allows(pm))...)
		}
		add(uid("Profile", x.Key), nil, rights...)
	}
	for _, x := range m.Packages {
		var rights []cedar.EntityUID
		for module, g := range x.Grants {
			rights = append(rights, cedarRights(module, grants(g))...)
		}
		add(uid("Package", x.Key), nil, rights...)
	}
	inGroup := p.seats()
	for i, x := range m.Roles {
		parents := inGroup[x.ID.String()]
		if x.Parent != "" {
			parents = append(parents, uid("Role", x.Parent))
		}
		add(uid("Role", roleKey(i)), nil, parents...)
	}
	for _, x := range m.Groups {
		add(uid("Group", x.Key), nil, inGroup[x.ID.String()]...)
	}
	p.addMembers(add, inGroup)
	return p, p.addPolicies(byModule)
}

func uid(kind, id string) cedar.EntityUID {
	return cedar.NewEntityUID(cedar.EntityType(kind), cedar.String(id))
}

func cedarRights(module string, of []string) (out []cedar.EntityUID) {
	for _, action := range of {
		out = append(out, uid("Right", module+":"+action))
	}
	return out
}

// seats says by id who is directly in which groups. Who is in one by role alone has a seat of their own: the role's would
// take everybody below along.
func (p *cedarPeer) seats() map[string][]cedar.EntityUID {
	out := map[string][]cedar.EntityUID{}
	for _, g := range p.model.Groups {
		group := uid("Group", g.Key)
		for _, x := range p.model.GroupMembers[g.ID] {
			key := x.Member.String() + x.Group.String() + x.Role.String()
			if !x.Role.IsZero() && !x.WithBelow {
				key += " alone"
			}
			out[key] = append(out[key], group)
		}
	}
	return out
}

func (p *cedarPeer) addMembers(add func(cedar.EntityUID, cedar.RecordMap, ...cedar.EntityUID), inGroup map[string][]cedar.EntityUID) {
	for i, x := range p.model.Members {
		role := p.model.Roles[number(x.Role)]
		var duties []cedar.EntityUID
		for _, profile := range role.Profiles {
			duties = append(duties, uid("Profile", profile))
		}
		for _, pack := range x.Packages {
			duties = append(duties, uid("Package", pack))
		}
		for module, g := range x.Grants {
			duties = append(duties, cedarRights(module, grants(g))...)
		}
		duty := uid("Duty", fmt.Sprint(i))
		add(duty, nil, duties...)
		var segments []cedar.Value
		for _, s := range x.Segments {
			segments = append(segments, cedar.String(s))
		}
		parents := append(append([]cedar.EntityUID{uid("Role", role.Key)}, inGroup[x.ID.String()]...), inGroup[role.ID.String()+" alone"]...)
		add(cedarMember(x.ID), cedar.RecordMap{"role": uid("Role", role.Key), "duty": duty, "everySegment": cedar.Boolean(x.AllSegments), "segments": cedar.NewSet(segments...)}, parents...)
	}
}

func cedarMember(m directory.MembershipID) cedar.EntityUID { return uid("Member", m.String()) }

func (p *cedarPeer) addPolicies(byModule bool) error {
	texts := map[string]*strings.Builder{}
	for _, m := range p.model.Modules {
		texts[m.Key] = &strings.Builder{}
	}
	for _, r := range p.model.Rules {
		role := p.model.Roles[number(r.From.Role)].Key
		from := fmt.Sprintf("context.ownerRole == Role::%q", role)
		if r.From.WithBelow {
			from = fmt.Sprintf("context.ownerRole in Role::%q", role)
		}
		of := `[Action::"view", Action::"export"]`
		if r.Access == directory.ShareReadWrite {
			of = `[Action::"view", Action::"export", Action::"edit"]`
		}
		fmt.Fprintf(texts[r.Module], "permit (principal in Group::%q, action in %s, resource == Module::%q) when { context has ownerRole && %s };\n",
			p.model.Groups[number(r.To.Group)].Key, of, r.Module, from)
	}
	whole := ground
	for _, m := range p.model.Modules {
		whole += texts[m.Key].String()
	}
	var err error
	if p.all, err = cedar.NewPolicySetFromBytes("all", []byte(whole)); err != nil || !byModule {
		return err
	}
	p.byModule = map[string]cedar.PolicyIterator{}
	for key, text := range texts {
		if p.byModule[key], err = cedar.NewPolicySetFromBytes(key, []byte(ground+text.String())); err != nil {
			return err
		}
	}
	return nil
}

// prepare makes the request of a question: what an application holds ready is not measured.
func (p *cedarPeer) prepare(q authz.Question) any {
	context := cedar.RecordMap{"right": uid("Right", q.Module+":"+q.Action), "segment": cedar.String(q.Segment)}
	if q.Owner.Group.IsZero() {
		context["owner"] = cedarMember(q.Owner.Member)
		context["ownerRole"] = uid("Role", p.model.Roles[number(p.model.Members[number(q.Owner.Member)].Role)].Key)
	} else {
		context["owner"] = uid("Group", p.model.Groups[number(q.Owner.Group)].Key)
	}
	policies := p.all
	if p.byModule != nil {
		policies = p.byModule[q.Module]
	}
	return cedarQuestion{policies, cedar.Request{Principal: cedarMember(q.Subject), Action: uid("Action", q.Action), Resource: uid("Module", q.Module), Context: cedar.NewRecord(context)}}
}

type cedarQuestion struct {
	policies cedar.PolicyIterator
	request  cedar.Request
}

func (p *cedarPeer) decide(prepared any) (bool, error) {
	q := prepared.(cedarQuestion)
	decision, said := cedar.Authorize(q.policies, p.entities, q.request)
	if len(said.Errors) > 0 {
		return false, fmt.Errorf("%v", said.Errors[0])
	}
	return decision == cedar.Allow, nil
}
