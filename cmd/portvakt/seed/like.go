package seed

import (
	"context"

	"portvakt/internal/directory"
	"portvakt/internal/fault"
)

// A member that the file makes like another one begins with what that one may do (R18). Like the start it counts at the
// creation alone: later the two go their own ways.

// copied is somebody who was made like another one.
type copied struct{ template, member directory.MembershipID }

// errLikeContact: a contact is named in another way, so the file has to say that it means one.
var errLikeContact = fault.New(fault.Invalid, "like_contact", "The member named by like is a contact; say the new one's kind")

// like reports a template that is nobody else.
func (s *scope) like(o *Organization, m *Member) {
	if !m.Like.present() {
		return
	}
	s.person(m.Like)
	next := m
	for range o.Members {
		next = o.declared(next.Like)
		if next == m {
			s.say(m.Like.at, "%s is made like itself, whichever way round", m.label())
			return
		}
		if next == nil {
			return
		}
	}
}

// declared is the entry that a name stands for, nil where the file has none.
func (o *Organization) declared(w Word) *Member {
	if !w.present() {
		return nil
	}
	for i := range o.Members {
		if o.Members[i].isNamed(w.Text) {
			return &o.Members[i]
		}
	}
	return nil
}

// isNamed reports whether the entry is found by a sign-in address or a user name.
func (m *Member) isNamed(name string) bool {
	if e, err := directory.ParseEmail(name); err == nil {
		if own, err := directory.ParseEmail(m.Email.Text); err == nil && own.Key == e.Key {
			return true
		}
	}
	return m.UserName.present() && directory.Fold(m.UserName.Text) == directory.Fold(name)
}

// inOrder are the members in the order in which they are made: administrators first, so that the last one can step down in
// the file that appoints the next, and whoever others are made like before those.
func (o *Organization) inOrder() []*Member {
	out := make([]*Member, 0, len(o.Members))
	seen := map[*Member]bool{}
	var visit func(m *Member)
	visit = func(m *Member) {
		if m == nil || seen[m] {
			return
		}
		seen[m] = true
		visit(o.declared(m.Like))
		out = append(out, m)
	}
	for _, first := range []bool{true, false} {
		for i := range o.Members {
			m := &o.Members[i]
			if administers := m.Administrator != nil && *m.Administrator; administers == first {
				visit(m)
			}
		}
	}
	return out
}

// create makes a member, like another one where the entry says so.
func (r *run) create(ctx context.Context, org directory.Organization, m *Member, n directory.NewMember) (directory.Member, error) {
	if !m.Like.present() {
		return r.dir.Memberships.Create(ctx, org.ID, n)
	}
	template, err := memberNamed(ctx, r.dir, org.ID, m.Like.Text)
	if fault.Is(err, fault.NotFound) { // deleted since
		err = fault.Newf(fault.Invalid, "unknown_template", "There is nobody %q any more to be made like", m.Like.Text)
	}
	if err != nil {
		return directory.Member{}, err
	}
	if template.Kind == directory.ContactOnly && !m.Kind.present() {
		return directory.Member{}, errLikeContact
	}
	if m.Packages != nil && n.Packages == nil { // none, said outright
		n.Packages = []string{}
	}
	if m.Grants != nil && n.Grants == nil {
		n.Grants = map[string]directory.Grade{}
	}
	made, err := r.dir.Memberships.CreateFrom(ctx, org.ID, template.ID, n)
	r.copies = append(r.copies, copied{template.ID, made.ID})
	return made, err
}

// likeGroups puts those who were made like somebody into the groups that the file has put that one into meanwhile.
func (a *accessRun) likeGroups(ctx context.Context, _ *Organization) error {
	for _, c := range a.copies {
		if err := a.dir.Access.JoinGroupsOf(ctx, a.org, c.template, c.member); err != nil {
			return err
		}
	}
	a.copies = nil
	return nil
}
