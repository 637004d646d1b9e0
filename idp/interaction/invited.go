package interaction

import (
	"context"

	pages "portvakt/idp/web"
	"portvakt/internal/directory"
)

// Invited is an invitation as pages show it to its person: who asks, as what, with which packages, until when. The
// packages' names are in the reader's language.
func Invited(ctx context.Context, dir *directory.Directory, st *directory.Standing, language string) (pages.Invitation, error) {
	i := pages.Invitation{ID: st.Membership.String(), Name: st.Name, Kind: string(st.Kind), Start: st.Start, End: st.End}
	asked, err := dir.Invitations.Asked(ctx, st.Organization, st.Membership)
	if err != nil {
		return i, err
	}
	i.InvitedBy, i.AnswerBy = asked.Inviter, asked.AcceptBy
	for n := range asked.Packages {
		i.Packages = append(i.Packages, asked.Packages[n].NameIn(language))
	}
	return i, nil
}
