package authzen

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"portvakt/authz"
	"portvakt/internal/directory"
	"portvakt/internal/web"
)

// Names says what people are called, by membership. // directory.Memberships
type Names interface {
	Names(ctx context.Context, org directory.OrganizationID, ids []directory.MembershipID) (map[directory.MembershipID]string, error)
}

// told is an explanation that has its place in the answer and waits for the names of the people in it.
type told struct {
	at       int // in x.out
	language web.Language
	authz.Explanation
}

// explain leaves room for an explanation: the names for all of a request are read at once.
func (x *exchange) explain(q *authz.Question, c *asked) {
	e := x.snapshot.Explain(*q)
	hide(e.Facts)
	hide(e.Needed)
	language := web.Pick(c.language.value, "", strings.Join(x.r.Header["Accept-Language"], ","))
	x.told = append(x.told, told{len(x.out), language, e})
	x.cost++
}

// hide takes out whom we made up for what is unknown.
func hide(facts []authz.Fact) {
	for i := range facts {
		f := &facts[i]
		for _, id := range []*directory.MembershipID{&f.Member, &f.Owner} {
			if *id == nobody {
				*id = directory.MembershipID{}
			}
		}
		if f.Group == noGroup {
			f.Group = directory.GroupID{}
		}
	}
}

// tell puts the explanations into their places.
func (x *exchange) tell() error {
	if len(x.told) == 0 {
		return nil
	}
	var who []directory.MembershipID
	for _, e := range x.told {
		who = append(who, e.Members()...)
	}
	slices.SortFunc(who, func(a, b directory.MembershipID) int { return slices.Compare(a[:], b[:]) })
	names, err := x.h.Names.Names(x.ctx, x.org, slices.Compact(who))
	if err != nil {
		return err
	}
	var out []byte
	last := 0
	for _, e := range x.told {
		text, err := json.Marshal(struct {
			Language web.Language `json:"language"`
			Text     []string     `json:"text"`
			Facts    []authz.Fact `json:"facts"`
			Needed   []authz.Fact `json:"needed"`
		}{e.language, e.Sentences(string(e.language), func(id directory.MembershipID) string { return names[id] }), some(e.Facts), some(e.Needed)})
		if err != nil {
			return err
		}
		out = append(append(out, x.out[last:e.at]...), `,"explanation":`...)
		out, last = append(out, text...), e.at
	}
	x.out = append(out, x.out[last:]...)
	return nil
}

// some is a list that is written as one, empty or not.
func some(facts []authz.Fact) []authz.Fact {
	if facts == nil {
		return []authz.Fact{}
	}
	return facts
}
