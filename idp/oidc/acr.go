package oidc

import (
	"encoding/json"
	"slices"

	"portvakt/idp/gate"
	"portvakt/idp/interaction"
)

// essentialACR reads the one thing that we heed of the parameter claims (OpenID Connect Core §5.5.1.1): the classes of which
// one must be reached. Everything else there may be passed over (§5.5), and is.
func essentialACR(claims string) ([]string, error) {
	if claims == "" {
		return nil, nil
	}
	var asked struct {
		IDToken struct {
			ACR *struct {
				Essential bool     `json:"essential"`
				Value     string   `json:"value"`
				Values    []string `json:"values"`
			} `json:"acr"`
		} `json:"id_token"`
	}
	if err := json.Unmarshal([]byte(claims), &asked); err != nil {
		return nil, invalid("The parameter claims cannot be read")
	}
	acr := asked.IDToken.ACR
	if acr == nil || !acr.Essential {
		return nil, nil
	}
	wanted := acr.Values
	if acr.Value != "" {
		wanted = append([]string{acr.Value}, wanted...)
	}
	if len(wanted) > 20 {
		return nil, invalid("The parameter claims names too many classes")
	}
	if len(wanted) > 0 && !slices.ContainsFunc(wanted, func(c string) bool { return gate.Class(c) != "" }) {
		return nil, interaction.ErrUnmet
	}
	return wanted, nil
}

// named is the class of a sign-in by the name under which the request asked for it, where it did; else our own name. The
// gate knows both.
func (a *authorization) named(acr string) string {
	for _, name := range a.ACR {
		if gate.Class(name) == acr {
			return name
		}
	}
	for _, name := range a.ACR {
		// More than was asked for: what was asked for is said, where that still opens every door.
		if name != gate.Class(name) && gate.Reaches(acr, name) && gate.Reaches(name, gate.MultiFactor) {
			return name
		}
	}
	return acr
}
