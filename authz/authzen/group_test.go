package authzen_test

import (
	"testing"

	"portvakt/internal/directory"
	"portvakt/internal/testenv"
)

// TestR11_DecisionsFollowNestedGroups: a group that a provisioning client makes and puts into another one counts at the next
// question, and so does its end.
func TestR11_DecisionsFollowNestedGroups(t *testing.T) {
	each(t, func(t *testing.T, w *world, clock *testenv.Clock) {
		w.t = t
		org := w.orgs["nordlys"].ID
		team := must(w.dir.Access.Groups(ctx, org))(t)[0].ID
		crew := directory.GroupEdit{Group: directory.Group{Name: "Crew"}}
		crew.Put(directory.GroupMember{Member: w.members["bob"].ID})
		made := must(w.dir.Access.CreateGroup(ctx, org, crew))(t)
		change := func(id directory.GroupID, edit func(x *directory.GroupEdit)) {
			t.Helper()
			must(w.dir.Access.ChangeGroup(ctx, org, id, 0, func(x *directory.GroupEdit) error { edit(x); return nil }))(t)
		}
		ofTeam, ofCrew := body(bob, write, record(`"owner":"group:team"`)), body(bob, write, record(`"owner":"group:`+made.ID.String()+`"`))
		w.ask("evaluation", ofTeam).decided(false, "not_shared")
		w.ask("evaluation", ofCrew).decided(true, "group")
		w.ask("evaluation", body(bob, write, record(`"owner":"group:crew"`))).decided(true, "group")
		change(team, func(x *directory.GroupEdit) { x.Put(directory.GroupMember{Group: made.ID}) })
		w.ask("evaluation", ofTeam).decided(true, "group")
		change(made.ID, func(x *directory.GroupEdit) { x.Name = "Renamed" })
		w.ask("evaluation", body(bob, write, record(`"owner":"group:crew"`))).decided(true, "group") // the key stays
		change(made.ID, func(x *directory.GroupEdit) { x.Empty() })
		w.ask("evaluation", ofTeam).decided(false, "not_shared")
		change(team, func(x *directory.GroupEdit) { x.Empty() })
		if err := w.dir.Access.RemoveGroup(ctx, org, made.ID); err != nil {
			t.Fatal(err)
		}
		w.ask("evaluation", ofCrew).decided(false, "unknown_owner")
		made = must(w.dir.Access.CreateGroup(ctx, org, directory.GroupEdit{Group: directory.Group{Name: "Crew"}}))(t)
		change(made.ID, func(x *directory.GroupEdit) { x.Put(directory.GroupMember{Member: w.members["bob"].ID}) })
		w.ask("evaluation", body(bob, write, record(`"owner":"group:crew"`))).decided(false, "unknown_owner") // the name again is another group
	})
}
