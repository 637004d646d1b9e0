package interaction

import (
	"slices"

	"portvakt/idp/credential"
	"portvakt/idp/gate"
)

// wanted is how strongly a request wants the person to sign in: any of the classes will do.
type wanted struct {
	classes []string
	must    bool // else a wish, for which nobody is turned away
	own     bool // one of our own pages wants it: a recovery code is as good as the factor that it stands in for
}

func (n *Needs) wanted() wanted {
	if len(n.ACREssential) > 0 {
		return wanted{classes: n.ACREssential, must: true}
	}
	return wanted{classes: n.ACRValues}
}

func (v *visit) wanted() wanted {
	if class := v.c.State.Want; class != "" {
		return wanted{classes: []string{class}, must: true, own: true}
	}
	return v.c.Demand.Needs.wanted()
}

// met reports whether a sign-in of the class, by the methods, is what is wanted. A wish of which we know no class is.
func (w wanted) met(acr string, amr []string) bool {
	if w.own && slices.Contains(amr, "rc") {
		return true
	}
	known := false
	for _, class := range w.classes {
		known = known || gate.Class(class) != ""
		if gate.Reaches(acr, class) {
			return true
		}
	}
	return !known && !w.must
}

// within reports whether the person can sign in as is wanted with what is enrolled.
func (w wanted) within(has credential.Enrolled) bool { return w.met(has.Strongest(), nil) }

// asksMore reports whether a second factor beside what has been shown would come nearer to what is wanted. A wish asks
// once.
func (w wanted) asksMore(e credential.Evidence, has credential.Enrolled) bool {
	return has.SecondFactor() && !w.met(e.ACR(), e.AMR()) && w.within(has) && (w.must || !e.Second())
}
