package authz

import (
	"encoding/json"
	"testing"

	"portvakt/internal/directory"
)

// TestMemberOfIsTheOneThatCounts compares with a look at all memberships of the person.
func TestMemberOfIsTheOneThatCounts(t *testing.T) {
	t.Parallel()
	for seed := range organizations() / 5 {
		x := newMaker(seed)
		s := Compile(x.m)
		for n := range 11 {
			for i := range mostMembers + 1 {
				user := directory.UserID(fakeID('u', i))
				var newest, active directory.MembershipID
				for _, m := range x.m.Members {
					if m.User == user {
						if newest = m.ID; m.ActiveAt(day(n)) {
							active = m.ID
						}
					}
				}
				want := active
				if active.IsZero() {
					want = newest
				}
				if got, known := s.MemberOf(user, day(n)); got != want || known == want.IsZero() {
					t.Fatalf("organization %d: %v, %v; want %v", seed, got, known, want)
				}
			}
		}
		for _, m := range x.m.Members {
			if user, known := s.UserOf(m.ID); user != m.User || !known || !s.Has(m.ID) {
				t.Fatalf("organization %d: the person of %v is %v", seed, m.ID, user)
			}
		}
	}
}

func TestFinding(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s := Compile(h.m)
	for word, want := range map[string]directory.GroupID{"finance": h.group("finance"), h.group("finance").String(): h.group("finance"),
		"lost": {}, "": {}, directory.GroupID(fakeID('g', 99)).String(): {}, h.id("Ola").String(): {}} {
		if got, known := s.Group(word); got != want || known == want.IsZero() {
			t.Errorf("%q is %v, %v", word, got, known)
		}
	}
	if _, known := s.UserOf(fakeID('m', 99)); known || s.Has(fakeID('m', 99)) {
		t.Error("nobody has a person")
	}
	if _, known := s.MemberOf(directory.UserID{}, testNow); known {
		t.Error("contacts are no person's")
	}
	if s.Organization() != h.m.Organization || s.Version() != h.m.Version {
		t.Errorf("%v, %d", s.Organization(), s.Version())
	}
	nobody := Question{Subject: fakeID('m', 99), Module: "invoices", Action: "view", At: testNow}
	if f := s.Filter(nobody); !f.None || !f.Until.IsZero() || !s.Until(nobody).IsZero() || s.Actions(nobody) != nil || s.Groups(nobody.Subject) != nil || s.Fields(nobody.Subject, "invoices") != nil {
		t.Error("nobody may do something")
	}
}

func TestAKeyIsNoOtherGroupsID(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	mine, gone := directory.GroupID(fakeID('g', 90)), directory.GroupID(fakeID('g', 91))
	thief, late := directory.GroupID(fakeID('g', 92)), directory.GroupID(fakeID('g', 93))
	h.m.Groups = append(h.m.Groups, directory.Group{ID: mine, Key: "mine"}, directory.Group{ID: thief, Key: mine.String()}, directory.Group{ID: late, Key: gone.String()})
	s := Compile(h.m)
	if got, known := s.Group(mine.String()); got != mine || !known {
		t.Errorf("%v, %v", got, known)
	}
	if got, known := s.Group(gone.String()); known {
		t.Errorf("a group that is gone is %v", got)
	}
}

// TestAnEmptyOrganizationAnswers holds every question harmless where there is nothing.
func TestAnEmptyOrganizationAnswers(t *testing.T) {
	t.Parallel()
	s := Compile(&directory.AccessModel{})
	var q Question
	s.Subjects(q, directory.MembershipID{}, func(directory.MembershipID) bool { t.Error("somebody"); return true })
	if d := s.Decide(q); d.Allowed || d.Reason != ReasonUnknownSubject || len(s.Explain(q).Sentences("nb", nil)) != 1 {
		t.Errorf("%+v", d)
	}
	f := directory.NewMemberFacts(&directory.Member{ID: fakeID('m', 1), AcceptedAt: testNow})
	if d := s.With(f).Decide(Question{Subject: f.ID, At: testNow}); d.Reason != ReasonUnknownModule {
		t.Errorf("%+v", d)
	}
}

func TestFactsAreShortInJSON(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	out, err := json.Marshal(Fact{Kind: FactRule, Module: "invoices", From: Side{Group: h.group("finance")}, Word: "read"})
	if want := `{"kind":"sharing_rule","from":{"group":"` + h.group("finance").String() + `"},"module":"invoices","word":"read"}`; err != nil || string(out) != want {
		t.Errorf("%s, %v", out, err)
	}
}
