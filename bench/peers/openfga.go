package main

import (
	"context"
	"fmt"

	openfgav1 "github.com/openfga/api/proto/openfga/v1"
	parser "github.com/openfga/language/pkg/go/transformer"
	"github.com/openfga/openfga/pkg/server"
	"github.com/openfga/openfga/pkg/storage"
	"github.com/openfga/openfga/pkg/storage/memory"

	"portvakt/authz"
	"portvakt/internal/directory"
)

// fgaModel says the model in OpenFGA's language. What belongs to a record (owner, module, segment) comes with the question,
// as it does for the others.
const fgaModel = `model
  schema 1.1
type member
type circle
  relations
    define member: [member]
type role
  relations
    define holder: [member]
    define parent: [role]
    define child: [role]
    define above: holder from parent or above from parent
    define within: holder or within from child
type group
  relations
    define member: [member, group#member, role#holder, role#within]
type profile
  relations
    define holder: [role#holder]
type package
  relations
    define holder: [member]
type module
  relations
    define view: [member, profile#holder, package#holder]
    define edit: [member, profile#holder, package#holder]
    define delete: [member, profile#holder, package#holder]
    define export: [member, profile#holder, package#holder]
type segment
  relations
    define seer: [member, circle#member]
type share
  relations
    define parent: [share]
    define reader: [group#member] or reader from parent
    define writer: [group#member] or writer from parent
type record
  relations
    define owner: [member, group#member]
    define owner_role: [role]
    define module: [module]
    define segment: [segment]
    define share: [share]
    define full: owner or above from owner_role
    define write: full or writer from share
    define read: full or reader from share
    define permits_view: view from module
    define permits_edit: edit from module
    define permits_delete: delete from module
    define permits_export: export from module
    define sees: seer from segment
    define view: permits_view and sees and read
    define export: permits_export and sees and read
    define edit: permits_edit and sees and write
    define delete: permits_delete and sees and full
`

// fgaPeer asks openfga, embedded, with its in-memory store.
type fgaPeer struct {
	model        *directory.AccessModel
	server       *server.Server
	store, rules string
	tuples       []*openfgav1.TupleKey
	shares       map[string]bool // objects of type share that have rules, or whose parents do
}

// newFGA writes the facts into openfga's own store, or, where index is true, into one that finds them by maps.
func newFGA(ctx context.Context, m *directory.AccessModel, index bool) (*fgaPeer, error) {
	p := &fgaPeer{model: m, shares: map[string]bool{}}
	p.addRights()
	p.addPeople()
	p.addShares()
	store := memory.New(memory.WithMaxTuplesPerWrite(len(p.tuples)))
	if index {
		store = newIndexed(store, p.tuples)
	}
	if err := p.begin(ctx, store); err != nil || index {
		p.tuples = nil
		return p, err
	}
	writes := &openfgav1.WriteRequestWrites{TupleKeys: p.tuples}
	p.tuples = nil // the store has its own
	_, err := p.server.Write(ctx, &openfgav1.WriteRequest{StoreId: p.store, AuthorizationModelId: p.rules, Writes: writes})
	return p, err
}

// begin starts the server with the rules of the model.
func (p *fgaPeer) begin(ctx context.Context, datastore storage.OpenFGADatastore) (err error) {
	p.server, err = server.NewServerWithOpts(server.WithDatastore(datastore))
	if err != nil {
		return err
	}
	store, err := p.server.CreateStore(ctx, &openfgav1.CreateStoreRequest{Name: "crowd"})
	if err != nil {
		return err
	}
	p.store = store.GetId()
	rules, err := parser.TransformDSLToProto(fgaModel)
	if err != nil {
		return err
	}
	written, err := p.server.WriteAuthorizationModel(ctx, &openfgav1.WriteAuthorizationModelRequest{StoreId: p.store, SchemaVersion: rules.GetSchemaVersion(),
		TypeDefinitions: rules.GetTypeDefinitions(), Conditions: rules.GetConditions()})
	p.rules = written.GetAuthorizationModelId()
	return err
}

func tuple(object, relation, user string) *openfgav1.TupleKey {
	return &openfgav1.TupleKey{Object: object, Relation: relation, User: user}
}

func (p *fgaPeer) add(object, relation, user string) {
	p.tuples = append(p.tuples, tuple(object, relation, user))
}

func fgaMember(m directory.MembershipID) string     { return "member:" + m.String() }
func (p *fgaPeer) role(r directory.RoleID) string   { return "role:" + roleKey(number(r)) }
func (p *fgaPeer) group(g directory.GroupID) string { return "group:" + p.model.Groups[number(g)].Key }

func (p *fgaPeer) addRights() {
	for _, x := range p.model.Profiles {
		for module, pm := range x.Modules {
			for _, action := range allows(pm) {
				p.add("module:"+module, action, "profile:"+x.Key+"#holder")
			}
		}
	}
	for _, x := range p.model.Packages {
		for module, g := range x.Grants {
			for _, action := range grants(g) {
				p.add("module:"+module, action, "package:"+x.Key+"#holder")
			}
		}
	}
	for i, x := range p.model.Roles {
		role := "role:" + roleKey(i)
		if x.Parent != "" {
			p.add(role, "parent", "role:"+x.Parent)
			p.add("role:"+x.Parent, "child", role)
		}
		seen := ""
		for _, profile := range x.Profiles {
			if profile != seen {
				p.add("profile:"+profile, "holder", role+"#holder")
			}
			seen = profile
		}
	}
	for _, s := range p.model.Segments {
		p.add("segment:"+s.Key, "seer", "circle:every_segment#member")
	}
}

func (p *fgaPeer) addPeople() {
	for _, x := range p.model.Members {
		member := fgaMember(x.ID)
		p.add(p.role(x.Role), "holder", member)
		if x.AllSegments {
			p.add("circle:every_segment", "member", member)
		}
		for _, s := range x.Segments {
			p.add("segment:"+s, "seer", member)
		}
		for _, pack := range x.Packages {
			p.add("package:"+pack, "holder", member)
		}
		for module, g := range x.Grants {
			for _, action := range grants(g) {
				p.add("module:"+module, action, member)
			}
		}
	}
	for _, g := range p.model.Groups {
		seen := map[string]bool{}
		for _, x := range p.model.GroupMembers[g.ID] {
			who := fgaMember(x.Member)
			switch {
			case !x.Group.IsZero():
				who = p.group(x.Group) + "#member"
			case x.WithBelow:
				who = p.role(x.Role) + "#within"
			case !x.Role.IsZero():
				who = p.role(x.Role) + "#holder"
			}
			if !seen[who] {
				p.add(p.group(g.ID), "member", who)
			}
			seen[who] = true
		}
	}
}

// share is the object that holds the rules of a module for records of a role; tree are those that go for all below too.
func share(module, role, how string) string { return "share:" + module + "-" + role + "-" + how }

// addShares makes a tree of shares for each module that has rules with below, as deep as the roles'.
func (p *fgaPeer) addShares() {
	seen := map[string]bool{}
	for _, r := range p.model.Rules {
		how := "alone"
		if r.From.WithBelow {
			how = "tree"
		}
		object := share(r.Module, roleKey(number(r.From.Role)), how)
		p.shares[object] = true
		relations := []string{"reader"}
		if r.Access == directory.ShareReadWrite {
			relations = append(relations, "writer")
		}
		for _, relation := range relations {
			if who := p.group(r.To.Group) + "#member"; !seen[object+relation+who] {
				p.add(object, relation, who)
				seen[object+relation+who] = true
			}
		}
	}
	for _, m := range p.model.Modules {
		for _, x := range p.model.Roles { // from above downwards
			if above := share(m.Key, x.Parent, "tree"); x.Parent != "" && p.shares[above] {
				object := share(m.Key, x.Key, "tree")
				p.add(object, "parent", above)
				p.shares[object] = true
			}
		}
	}
}

func (p *fgaPeer) prepare(q authz.Question) any {
	const record = "record:r"
	facts := []*openfgav1.TupleKey{tuple(record, "module", "module:"+q.Module), tuple(record, "segment", "segment:"+q.Segment)}
	if q.Owner.Group.IsZero() {
		role := roleKey(number(p.model.Members[number(q.Owner.Member)].Role))
		facts = append(facts, tuple(record, "owner", fgaMember(q.Owner.Member)), tuple(record, "owner_role", "role:"+role))
		for _, how := range []string{"alone", "tree"} {
			if object := share(q.Module, role, how); p.shares[object] {
				facts = append(facts, tuple(record, "share", object))
			}
		}
	} else {
		facts = append(facts, tuple(record, "owner", p.group(q.Owner.Group)+"#member"))
	}
	return &openfgav1.CheckRequest{StoreId: p.store, AuthorizationModelId: p.rules, ContextualTuples: &openfgav1.ContextualTupleKeys{TupleKeys: facts},
		TupleKey: &openfgav1.CheckRequestTupleKey{User: fgaMember(q.Subject), Relation: q.Action, Object: record}}
}

func (p *fgaPeer) decide(prepared any) (bool, error) {
	answer, err := p.server.Check(context.Background(), prepared.(*openfgav1.CheckRequest))
	if err != nil {
		return false, fmt.Errorf("openfga: %w", err)
	}
	return answer.GetAllowed(), nil
}
