package interaction

import (
	"slices"

	"portvakt/idp/application"
	"portvakt/idp/credential"
	"portvakt/idp/gate"
)

// wanted is how strongly a request wants the person to sign in: any of the classes will do.
type wanted struct {
	classes []string
	must    bool   // else a wish, for which nobody is turned away
	least   string // what the application demands of every sign-in, whatever the request wants; "" nothing
	own     bool   // one of our own pages wants it: a recovery code is as good as the factor that it stands in for
}

func (n *Needs) wanted() wanted {
	if len(n.ACREssential) > 0 {
		return wanted{classes: n.ACREssential, must: true, least: n.least}
	}
	return wanted{classes: n.ACRValues, least: n.least}
}

// needs are the request's, with what the application's registration demands at this moment.
func (v *visit) needs() Needs { return withDemand(v.c.Demand.Needs, v.client) }

func withDemand(n Needs, c *application.Client) Needs {
	if c != nil && c.Gate.SecondFactor {
		n.least = gate.MultiFactor
	}
	return n
}

func (v *visit) wanted() wanted {
	if class := v.c.State.Want; class != "" {
		return wanted{classes: []string{class}, must: true, own: true}
	}
	n := v.needs()
	return n.wanted()
}

// met reports whether a sign-in of the class, by the methods, is what is wanted. A wish of which we know no class is.
func (w wanted) met(acr string, amr []string) bool {
	if w.own && slices.Contains(amr, "rc") {
		return true
	}
	if w.least != "" && !gate.Reaches(acr, w.least) {
		return false
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

// insists reports whether a sign-in of the class is too weak to go on with.
func (w wanted) insists(acr string) bool {
	return w.least != "" && !gate.Reaches(acr, w.least) || w.must && !w.met(acr, nil)
}

// wouldTake reports whether a sign-in of the class is enough where one that counts for so much is not.
func (w wanted) wouldTake(class, counts string) bool { return w.insists(counts) && !w.insists(class) }

// within reports whether the person can sign in as is wanted with what is enrolled.
func (w wanted) within(has credential.Enrolled) bool { return w.met(has.Strongest(), nil) }

// asksMore reports whether a second factor beside what has been shown would come nearer to what is wanted. A wish asks
// once.
func (w wanted) asksMore(e credential.Evidence, has credential.Enrolled) bool {
	if !has.SecondFactor() || w.met(e.ACR(), e.AMR()) {
		return false
	}
	return w.least != "" && !e.Second() || w.within(has) && (w.must || !e.Second())
}
