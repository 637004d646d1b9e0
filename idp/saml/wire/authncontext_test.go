package wire

import "testing"

// TestAuthnContextMatrix: what is claimed for each way of asking and each way of signing in; "" means NoAuthnContext.
func TestAuthnContextMatrix(t *testing.T) {
	t.Parallel()
	const sfa, pape = "https://refeds.org/profile/sfa", "http://schemas.openid.net/pape/policies/2007/06/phishing-resistant"
	reached := []string{acrPassword, acrMail, acrMFA, acrPhishing}
	ask := func(c Comparison, classes ...string) *RequestedAuthnContext {
		return &RequestedAuthnContext{Comparison: c, Classes: classes}
	}
	for _, tc := range []struct {
		name   string
		wanted *RequestedAuthnContext
		want   [4]string // by reached
		needs  string
	}{
		{"nothing", nil, [4]string{classPPT, classPPT, classRefeds, classRefeds}, acrPassword},
		{"exact password", ask(Exact, classPPT), [4]string{classPPT, classPPT, classPPT, classPPT}, acrPassword},
		{"exact by default", ask("", sfa), [4]string{sfa, sfa, sfa, sfa}, acrPassword},
		{"exact unspecified", ask(Exact, classUnknown), [4]string{classPPT, classPPT, classRefeds, classRefeds}, acrPassword},
		{"exact mail", ask(Exact, acrMail), [4]string{"", acrMail, "", ""}, acrMail},
		{"exact MFA", ask(Exact, classRefeds), [4]string{"", "", classRefeds, classRefeds}, acrMFA},
		{"exact ours", ask(Exact, acrMFA), [4]string{"", "", acrMFA, acrMFA}, acrMFA},
		{"exact phishing", ask(Exact, pape), [4]string{"", "", "", pape}, acrPhishing},
		{"exact, the best first", ask(Exact, acrPhishing, classRefeds, classPPT), [4]string{classPPT, classPPT, classRefeds, acrPhishing}, acrPassword},
		{"exact unknown", ask(Exact, "urn:x"), [4]string{}, ""},
		{"exact unknown and known", ask(Exact, "urn:x", classPPT), [4]string{classPPT, classPPT, classPPT, classPPT}, acrPassword},
		{"minimum password", ask(Minimum, classPPT), [4]string{classPPT, classPPT, classRefeds, classRefeds}, acrPassword},
		{"minimum mail", ask(Minimum, acrMail), [4]string{"", acrMail, classRefeds, classRefeds}, acrMail},
		{"minimum MFA", ask(Minimum, classRefeds), [4]string{"", "", classRefeds, classRefeds}, acrMFA},
		{"minimum phishing", ask(Minimum, acrPhishing), [4]string{"", "", "", acrPhishing}, acrPhishing},
		{"minimum of two", ask(Minimum, acrPhishing, acrMail), [4]string{"", acrMail, classRefeds, classRefeds}, acrMail},
		{"minimum unknown", ask(Minimum, "urn:x"), [4]string{}, ""},
		{"better than password", ask(Better, classPPT), [4]string{"", acrMail, classRefeds, classRefeds}, acrMail},
		{"better than MFA", ask(Better, classRefeds), [4]string{"", "", "", acrPhishing}, acrPhishing},
		{"better than all", ask(Better, acrPhishing), [4]string{}, ""},
		{"better than each", ask(Better, classPPT, classRefeds), [4]string{"", "", "", acrPhishing}, acrPhishing},
		{"maximum MFA", ask(Maximum, classRefeds), [4]string{classPPT, classPPT, classRefeds, classRefeds}, acrPassword},
		{"maximum password", ask(Maximum, classPPT), [4]string{classPPT, classPPT, classPPT, classPPT}, acrPassword},
		{"maximum unspecified", ask(Maximum, classUnknown), [4]string{classUnknown, classUnknown, classUnknown, classUnknown}, acrPassword},
		{"maximum unknown", ask(Maximum, "urn:x"), [4]string{}, ""},
		{"declarations", &RequestedAuthnContext{Comparison: Exact, Declarations: true}, [4]string{}, ""},
	} {
		for i, acr := range reached {
			got, ok := Context(tc.wanted, acr)
			if got != tc.want[i] || ok != (tc.want[i] != "") {
				t.Errorf("%s, reached %s: %q %v, want %q", tc.name, acr, got, ok, tc.want[i])
			}
		}
		if got, ok := Needs(tc.wanted); got != tc.needs || ok != (tc.needs != "") {
			t.Errorf("%s needs %q, want %q", tc.name, got, tc.needs)
		}
	}
	if _, ok := Context(nil, "urn:x"); ok {
		t.Error("an unknown class of ours is claimed")
	}
}

// TestWall055_NoClassIsClaimedThatWasNotReached: over every comparison, every pair of classes and every sign-in, the class
// that is claimed is no stronger than the sign-in, and as strong as was asked for.
func TestWall055_NoClassIsClaimedThatWasNotReached(t *testing.T) {
	t.Parallel()
	for rank, acr := range levels[1:] {
		for a := range ranks {
			for b := range ranks {
				for _, c := range []Comparison{"", Exact, Minimum, Better, Maximum} {
					class, ok := Context(&RequestedAuthnContext{Comparison: c, Classes: []string{a, b}}, acr)
					if !ok {
						continue
					}
					got := ranks[class]
					switch {
					case got > rank+1:
						t.Errorf("%s %s %s: %s is claimed for %s", c, a, b, class, acr)
					case (c == Exact || c == "") && class != a && class != b && a != classUnknown && b != classUnknown:
						t.Errorf("%s %s %s: %s was not asked for", c, a, b, class)
					case c == Minimum && got < min(ranks[a], ranks[b]), c == Better && got <= max(ranks[a], ranks[b]), c == Maximum && got > max(ranks[a], ranks[b]):
						t.Errorf("%s %s %s: %s for %s", c, a, b, class, acr)
					}
				}
			}
		}
	}
}
