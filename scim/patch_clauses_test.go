package scim_test

import (
	"strings"
	"testing"
)

func TestRFC7644_3_5_2_1_Add(t *testing.T) {
	patches(t, []patchRow{
		{"a value that is there changes nothing", `{"op":"add","path":"emails","value":[{"type":"home","value":"ola@home.example"}]}`, 200, "", map[string]string{"emails.0.primary": "true", "emails.1.type": "home", "emails.2": ""}},
		{"a second value of the same type", `{"op":"add","path":"emails","value":[{"type":"work","value":"second@nordlys.example"}]}`, 200, "", map[string]string{"emails.2.value": "second@nordlys.example", "emails.0.primary": "true"}},
		{"primary takes it from the others", `{"op":"add","path":"emails","value":[{"type":"other","value":"p@x.example","primary":true}]}`, 200, "", map[string]string{"emails.0.primary": "false", "emails.2.primary": "true"}},
		{"two primaries at once", `{"op":"add","path":"emails","value":[{"value":"a@x.example","primary":true},{"value":"b@x.example","primary":true}]}`, 400, "invalidValue", nil},
		{"a part of every element", `{"op":"add","path":"emails.display","value":"D"}`, 200, "", map[string]string{"emails.0.display": "D", "emails.1.display": "D"}},
		{"a part of no element makes one", `{"op":"add","path":"ims.value","value":"ola-im"}`, 200, "", map[string]string{"ims.0.value": "ola-im"}},
		{"made where the selection says what it equals", `{"op":"add","path":"emails[type eq \"other\" and primary eq true].value","value":"o@x.example"}`, 200, "", map[string]string{"emails.2.type": "other", "emails.2.primary": "true", "emails.0.primary": "false"}},
		{"an element made whole", `{"op":"add","path":"addresses[type eq \"home\"]","value":{"country":"NO","locality":"Oslo"}}`, 200, "", map[string]string{"addresses.0.type": "home", "addresses.0.country": "NO"}},
		{"not made where the selection says more", `{"op":"add","path":"emails[type eq \"other\" or type eq \"x\"].value","value":"o@x.example"}`, 400, "noTarget", nil},
		{"not made by what starts with", `{"op":"add","path":"emails[type sw \"oth\"].value","value":"o@x.example"}`, 400, "noTarget", nil},
		{"a value is needed", `{"op":"add","path":"title"}`, 400, "invalidValue", nil},
		{"without path and value", `{"op":"add"}`, 400, "invalidValue", nil},
		{"an empty list adds nothing", `{"op":"add","path":"emails","value":[]}`, 200, "", map[string]string{"emails.1.type": "home"}},
		{"null adds nothing", `{"op":"add","path":"title","value":null}`, 200, "", map[string]string{"title": "Clerk"}},
		{"to a complex attribute", `{"op":"add","path":"name","value":{"middleName":"M"}}`, 200, "", map[string]string{"name.middleName": "M", "name.givenName": "Ola"}},
		{"a second role without saying which counts", `{"op":"add","path":"roles","value":[{"value":"seller","primary":true}]},{"op":"add","path":"roles","value":[{"value":"chief"}]}`, 400, "invalidValue", nil},
		{"the other role counts", `{"op":"add","path":"roles","value":["seller"]},{"op":"add","path":"roles","value":[{"value":"chief","primary":true}]}`, 200, "", map[string]string{"roles.0.value": "chief", "roles.1": ""}},
		{"a package that there is not", `{"op":"add","path":"entitlements","value":["nothing"]}`, 400, "invalidValue", nil},
		{"no base64", `{"op":"add","path":"x509Certificates","value":[{"value":"ø"}]}`, 400, "invalidValue", nil},
	})
}

func TestRFC7644_3_5_2_2_Remove(t *testing.T) {
	patches(t, []patchRow{
		{"a list", `{"op":"remove","path":"emails"}`, 200, "", map[string]string{"emails.0.value": "ola0@nordlys.example", "emails.1": ""}}, // the sign-in address, shown where there is no other
		{"by value in brackets", `{"op":"remove","path":"emails[value eq \"OLA@home.example\"]"}`, 200, "", map[string]string{"emails.1": ""}},
		{"every element that the selection finds", `{"op":"remove","path":"emails[value pr]"}`, 200, "", map[string]string{"emails.1": ""}},
		{"a part of the elements found", `{"op":"remove","path":"emails[type eq \"home\"].type"}`, 200, "", map[string]string{"emails.1.value": "ola@home.example", "emails.1.type": ""}},
		{"the value of the elements found, and so them", `{"op":"remove","path":"phoneNumbers[type eq \"work\"].value"}`, 200, "", map[string]string{"phoneNumbers": ""}},
		{"a part of all elements", `{"op":"remove","path":"emails.type"}`, 200, "", map[string]string{"emails.0.type": "", "emails.1.type": "", "emails.1.value": "ola@home.example"}},
		{"several values, some of which are not there", `{"op":"remove","path":"emails","value":[{"value":"ola@home.example"},{"value":"never@x.example"}]}`, 200, "", map[string]string{"emails.0.type": "work", "emails.1": ""}},
		{"one value as an object", `{"op":"remove","path":"phoneNumbers","value":{"value":"1"}}`, 200, "", map[string]string{"phoneNumbers": ""}},
		{"an empty list of values removes none", `{"op":"remove","path":"phoneNumbers","value":[]}`, 200, "", map[string]string{"phoneNumbers.0.value": "1"}},
		{"elements of no value remove none", `{"op":"remove","path":"phoneNumbers","value":[null]}`, 200, "", map[string]string{"phoneNumbers.0.value": "1"}},
		{"a complex attribute", `{"op":"remove","path":"name"}`, 200, "", map[string]string{"name": ""}},
		{"no path", `{"op":"remove","value":{"title":null}}`, 400, "noTarget", nil},
		{"null for a path", `{"op":"remove","path":null}`, 400, "noTarget", nil},
		{"required", `{"op":"remove","path":"USERNAME"}`, 400, "mutability", nil},
		{"required, by null", `{"op":"replace","value":{"userName":null}}`, 400, "mutability", nil},
		{"required, by an empty text", `{"op":"replace","path":"userName","value":""}`, 400, "invalidValue", nil},
		{"read only", `{"op":"remove","path":"meta"}`, 400, "mutability", nil},
		{"read only part", `{"op":"remove","path":"meta.created"}`, 400, "mutability", nil},
		{"schemas", `{"op":"remove","path":"schemas"}`, 400, "mutability", nil},
		{"unknown", `{"op":"remove","path":"bogus"}`, 400, "invalidPath", nil},
	})
}

func TestRFC7644_3_5_2_3_Replace(t *testing.T) {
	patches(t, []patchRow{
		{"what is not there is added", `{"op":"replace","path":"nickName","value":"O"}`, 200, "", map[string]string{"nickName": "O"}},
		{"every element that the selection finds", `{"op":"replace","path":"emails[type eq \"work\" or type eq \"home\"].display","value":"D"}`, 200, "", map[string]string{"emails.0.display": "D", "emails.1.display": "D"}},
		{"a part of every element", `{"op":"replace","path":"emails.type","value":"other"}`, 200, "", map[string]string{"emails.0.type": "other", "emails.1.type": "other"}},
		{"primary moved by an element", `{"op":"replace","path":"emails[type eq \"home\"]","value":{"value":"n@x.example","primary":true}}`, 200, "", map[string]string{"emails.0.primary": "false", "emails.1.primary": "true", "emails.1.value": "n@x.example"}},
		{"primary taken away", `{"op":"replace","path":"emails[type eq \"work\"].primary","value":false}`, 200, "", map[string]string{"emails.0.primary": "false", "emails.1.primary": ""}},
		{"null in the brackets", `{"op":"replace","path":"emails[type eq \"home\"].value","value":null}`, 200, "", map[string]string{"emails.1": ""}},
		{"an element by null", `{"op":"replace","path":"emails[type eq \"home\"]","value":null}`, 200, "", map[string]string{"emails.1": ""}},
		{"a list by null", `{"op":"replace","path":"phoneNumbers","value":null}`, 200, "", map[string]string{"phoneNumbers": ""}},
		{"an extension by null", `{"op":"replace","value":{"` + enterprise + `":null}}`, 200, "", map[string]string{enterprise: ""}},
		{"nothing matches a value", `{"op":"replace","path":"emails[value eq \"never@x.example\"].display","value":"x"}`, 400, "noTarget", nil},
		{"nothing matches a value, the whole element", `{"op":"replace","path":"emails[value eq \"never@x.example\"]","value":{"display":"x"}}`, 400, "noTarget", nil},
		{"a value is needed", `{"op":"replace","path":"title"}`, 400, "invalidValue", nil},
		{"a text for a complex attribute", `{"op":"replace","path":"name","value":"Ola"}`, 400, "invalidValue", nil},
		{"a list for a single one", `{"op":"replace","path":"title","value":["a","b"]}`, 400, "invalidValue", nil},
		{"a wrong part", `{"op":"replace","path":"emails","value":[{"value":"a@x.example"},{"value":{"a":1}}]}`, 400, "invalidValue", nil},
	})
}

// TestRFC7644_3_5_2_Atomic: where one operation is refused, those before it have not happened; and the order counts.
func TestRFC7644_3_5_2_Atomic(t *testing.T) {
	patches(t, []patchRow{
		{"the last is wrong", `{"op":"replace","path":"title","value":"Boss"},{"op":"remove","path":"emails"},{"op":"replace","path":"emails[value eq \"x\"].type","value":"x"}`, 400, "noTarget", nil},
		{"the directory refuses", `{"op":"replace","path":"title","value":"Boss"},{"op":"add","path":"roles","value":["nope"]}`, 400, "invalidValue", nil},
		{"the last one counts", `{"op":"add","path":"title","value":"a"},{"op":"remove","path":"title"},{"op":"replace","path":"title","value":"c"}`, 200, "", map[string]string{"title": "c"}},
		{"an element made and then changed", `{"op":"add","path":"ims","value":[{"type":"xmpp","value":"a"}]},{"op":"replace","path":"ims[type eq \"xmpp\"].value","value":"b"},{"op":"remove","path":"ims[value eq \"a\"]"}`, 200, "", map[string]string{"ims.0.value": "b"}},
		{"removed and added", `{"op":"remove","path":"emails[type eq \"home\"]"},{"op":"add","path":"emails","value":[{"type":"home","value":"new@x.example"}]}`, 200, "", map[string]string{"emails.1.value": "new@x.example", "emails.2": ""}},
	})
}

// TestPathsBesideTheGrammar: what clients write and can mean one thing only.
func TestPathsBesideTheGrammar(t *testing.T) {
	home := func(path string) patchRow {
		return patchRow{path, `{"op":"replace","path":` + quoted(path) + `,"value":"n@x.example"}`, 200, "", map[string]string{"emails.1.value": "n@x.example", "emails.1.type": "home", "emails.2": ""}}
	}
	title := func(path string) patchRow {
		return patchRow{path, `{"op":"replace","path":` + quoted(path) + `,"value":"Boss"}`, 200, "", map[string]string{"title": "Boss"}}
	}
	department := func(path string) patchRow {
		return patchRow{path, `{"op":"replace","path":` + quoted(path) + `,"value":"IT"}`, 200, "", map[string]string{enterprise + "|department": "IT"}}
	}
	const core = "urn:ietf:params:scim:schemas:core:2.0:User"
	refused := func(path string) patchRow {
		return patchRow{path, `{"op":"replace","path":` + quoted(path) + `,"value":"x"}`, 400, "invalidPath", nil}
	}
	patches(t, []patchRow{
		home(`emails[type eq "home"].value`), home(`emails[type eq 'home'].value`), home(`emails[type eq home].value`), home(`emails[type eq \"home\"].value`),
		home(`emails[type eq “home”].value`), home(`emails[type eq ‘home’].value`), home(`  emails [ TYPE  EQ  "Home" ] . Value `), home(`emails.[type eq "home"].value`),
		home(`emails[(type eq "home")].value`), home(core + `:emails[type eq "home"].value`), home(core + `.emails[type eq "home"].value`), home(`/emails[type eq "home"]/value`), home(`/emails[type eq \"home\"]/value`),
		title(core + ":title"), title(core + ".title"), title(strings.ToUpper(core) + ":TITLE"), title("/title"), title(" title "),
		department(enterprise + ":department"), department(enterprise + ".department"), department(strings.ToUpper(enterprise) + ":Department"), department("/" + enterprise + ":department"),
		refused(`emails[type eq "home"`), refused(`emails type eq "home"]`), refused(`emails[]`), refused(`emails[type]`), refused(`emails[type eq]`), refused(`emails[type eq "home].value`), refused(`emails[type eq 'home].value`),
		refused(`emails[type eq "home"].`), refused(`emails[type eq "home"]value`), refused(`emails[type eq "home"].value.x`), refused(`emails.`), refused(`.emails`), refused(`name..familyName`), refused(`title.x`),
		refused(`emails[emails[type eq "home"]]`), refused("urn:other:User:title"), refused(enterprise + ":title"), refused("departmnt"), refused("/"), refused(strings.Repeat("a", 9000)), refused(strings.Repeat("emails[", 300)),
		refused("emails[" + strings.Repeat("(", 50) + "type pr" + strings.Repeat(")", 50) + "]"), refused("title\u0001"), refused("members"),
	})
}
