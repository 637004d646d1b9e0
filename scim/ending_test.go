package scim_test

import (
	"testing"

	"portvakt/internal/directory"
)

// TestR19_DeleteAsksOrTakesTheSuccessor: DELETE ends at once; who takes over is the successor of the extension, else a
// question for the administrators.
func TestR19_DeleteAsksOrTakesTheSuccessor(t *testing.T) {
	each(t, func(w *world) {
		heir, named, unnamed := w.create(`"userName":"ola@nordlys.example"`).want(201).id(), w.create(`"userName":"mia@nordlys.example"`).want(201).id(),
			w.create(`"userName":"liv@nordlys.example"`).want(201).id()
		w.patch(named, `{"op":"add","path":"`+membership+`:successor","value":"`+heir+`"}`).want(200)
		org := w.member(heir).Organization
		for _, id := range []string{named, unnamed} {
			w.do("DELETE", "/Users/"+id, "").want(204)
			w.do("GET", "/Users/"+id, "").want(404)
		}
		list := must(w.dir.Transfers.List(t.Context(), org, directory.TransferID{}))(w.t)
		if len(list) != 1 || list[0].From.String() != named || list[0].To.String() != heir {
			w.t.Errorf("transfers: %+v", list)
		}
		open, _, err := w.dir.Memberships.PendingEndings(t.Context(), org, "")
		if err != nil || len(open) != 1 || open[0].Membership.String() != unnamed {
			w.t.Errorf("open questions: %+v (%v)", open, err)
		}
	})
}

// TestR20_ArchivedIsSeenAndNotChosen: the extension says so, and nobody names an archived member anew.
func TestR20_ArchivedIsSeenAndNotChosen(t *testing.T) {
	each(t, func(w *world) {
		kari, ola := w.create(`"userName":"mia@nordlys.example"`).want(201).id(), w.create(`"userName":"ola@nordlys.example"`).want(201).id()
		m := w.member(kari)
		must(w.dir.Organizations.Change(t.Context(), m.Organization, func(o *directory.Organization) error { o.Features = []string{"archive"}; return nil }))(w.t)
		if err := w.dir.Memberships.End(t.Context(), m.Organization, m.ID, directory.Ending{Choice: directory.EndArchived}); err != nil {
			w.t.Fatal(err)
		}
		w.do("GET", "/Users/"+kari, "").want(200).is("archived", membership, "state").is(false, "active")
		w.patch(ola, `{"op":"add","path":"`+membership+`:successor","value":"`+kari+`"}`).want(400)
		w.patch(ola, `{"op":"add","path":"`+enterprise+`:manager","value":"`+kari+`"}`).want(400)
		w.patch(kari, `{"op":"replace","path":"active","value":true}`)
		w.do("GET", "/Users/"+kari, "").want(200).is("archived", membership, "state")
	})
}
