package credential

import "portvakt/internal/directory"

// AboutPerson is what an attacker who knows the person would try first.
func AboutPerson(u directory.User, has Enrolled, standings []directory.Standing) About {
	d := u.Details
	a := About{Email: u.Email, SecondFactor: has.SecondFactor(), Names: []string{d.Name(), d.GivenName, d.FamilyName}}
	for i := range standings {
		st := &standings[i]
		a.Names = append(a.Names, st.Details.Name(), st.Details.GivenName, st.Details.FamilyName)
		a.Organizations = append(a.Organizations, st.Name, st.Slug)
	}
	return a
}
