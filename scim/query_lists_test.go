package scim_test

import (
	"net/url"
	"testing"
)

// TestRFC7644_3_4_2_2_AddressesAndGroups: of one address together, and of the groups that are shown, however somebody comes to be in them; cy has
// ended, and is in none.
func TestRFC7644_3_4_2_2_AddressesAndGroups(t *testing.T) {
	each(t, func(w *world) {
		w = w.manyKinds()
		group := func(name string) string {
			return w.do("GET", "/Groups?filter="+url.QueryEscape(`displayName eq "`+name+`"`), "").want(200).at("Resources", 0, "id").(string)
		}
		for filter, want := range map[string]string{
			`addresses pr`: "Bo Ola anna dag", `not (addresses pr)`: "cy desk kari per", `addresses eq null`: "cy desk kari per", `addresses.locality eq "OSLO"`: "Ola anna",
			`addresses[type eq "work" and country eq "NO"]`: "Ola anna", `addresses[type eq "work" and locality eq "Bergen"]`: "", `addresses.type eq "work" and addresses.locality eq "bergen"`: "anna",
			`addresses[not (type pr)]`: "Ola anna", `addresses[primary eq false and country eq "se"]`: "Ola dag", `addresses.type eq "STRASSE"`: "Bo", `addresses.streetAddress co "oppgang B"`: "Bo Ola",
			`addresses.formatted sw "Storgata 1\n"`: "Bo Ola", `addresses.postalCode gt "1" and title pr`: "anna", `addresses.region ew "slo"`: "Ola", `addresses.country eq "DK" or addresses.locality eq "odense"`: "", `addresses.country ne "SE"`: "Bo Ola anna",
			`groups pr`: "Bo Ola anna dag", `not (groups pr)`: "cy desk kari per", `groups.value eq "` + group("Inner") + `"`: "Bo anna", `groups eq "` + group("outer") + `"`: "Bo anna",
			`groups[display eq "OUTER" and type eq "direct"]`: "Bo", `groups[display eq "outer" and type eq "indirect"]`: "anna", `groups[value eq "` + group("outer") + `" and not (type eq "direct")]`: "anna",
			`groups.display sw "role"`: "Ola anna dag", `groups.display eq "Role 0"`: "Ola anna dag", `groups.display eq "role 1"`: "dag", `groups.display co "land"`: "", `groups.type eq "direct" and userName sw "b"`: "Bo",
			`groups.value eq "nobody"`: "", `groups.value ne "` + group("outer") + `"`: "Bo Ola anna dag", `roles[not (value eq "seller")]`: "cy dag", `roles.display eq "Chief" and roles.primary eq true`: "cy dag",
		} {
			w.finds(filter, want)
		}
		w.do("GET", "/Users?filter="+url.QueryEscape(`groups.$ref pr`), "").want(400).is("invalidFilter", "scimType")
	})
}
