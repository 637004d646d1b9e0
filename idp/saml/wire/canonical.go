package wire

import (
	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"
)

// detached is an element as a root of its own: a copy that declares the namespaces which its ancestors declared for it.
func detached(el *etree.Element) *etree.Element {
	out := el.Copy()
	own := map[string]bool{}
	for _, a := range el.Attr {
		if declares(a) {
			own[a.FullKey()] = true
		}
	}
	for up := el.Parent(); up != nil; up = up.Parent() {
		for _, a := range up.Attr {
			if declares(a) && !own[a.FullKey()] {
				own[a.FullKey()] = true
				out.CreateAttr(a.FullKey(), a.Value)
			}
		}
	}
	return out
}

// canonical writes an element in exclusive canonical form without comments. prefixes are those to treat inclusively.
func canonical(el *etree.Element, prefixes string) ([]byte, error) {
	out, err := dsig.MakeC14N10ExclusiveCanonicalizerWithPrefixList(prefixes).Canonicalize(detached(el))
	if err != nil || len(out) == 0 {
		return nil, refuse(codeSignature, "The message has no canonical form").Because(err)
	}
	return out, nil
}
