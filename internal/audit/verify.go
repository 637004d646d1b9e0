package audit

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"portvakt/internal/sqldb"
)

// Finding is one thing that is wrong with a chain.
type Finding struct {
	Chain    string
	Position int64 // 0: the chain as a whole
	Text     string
}

// Verified is what Verify has found.
type Verified struct {
	Chains, Entries, Heads int64
	Findings               []Finding
}

// CheckHead gives the claims of a head's signature; jwk answers the public key of an identifier.
type CheckHead func(signature string, jwk func(kid string) (string, bool)) (claims []byte, err error)

const (
	verifyPage  = 1000
	maxFindings = 20 // of a chain; whoever made it anew changed everything
)

// Verifier goes through chains.
type Verifier struct {
	q       sqldb.Queryer
	check   CheckHead
	signers map[string]string
	erased  map[string]bool
	found   Verified
	first   int // findings before the chain that is looked at
}

// NewVerifier reads what every chain is judged by. It needs the vault: who may sign is sealed.
func NewVerifier(ctx context.Context, q sqldb.Queryer, check CheckHead) (*Verifier, error) {
	v := &Verifier{q: q, check: check, signers: map[string]string{}}
	if q.Vault() == nil {
		return nil, ErrNoVault
	}
	sealed, err := signers(ctx, q)
	if err != nil {
		return nil, err
	}
	for kid, jwk := range sealed {
		plain, err := q.Vault().Open(signerPurpose(kid), jwk)
		if err != nil { // somebody put it there who has no master key; the heads that it signed will be found
			continue
		}
		v.signers[kid] = string(plain)
	}
	v.erased, err = destroyed(ctx, q)
	return v, err
}

// Found is what has been verified so far.
func (v *Verifier) Found() Verified { return v.found }

// Chain recomputes one chain from its first entry and compares it with its stored end and with every signed head. It
// reads only, beside a Sealer that works: heads are read before the end, the end before the entries, so that each is at
// most as old as what it is compared with.
func (v *Verifier) Chain(ctx context.Context, chain string, organization [16]byte) error {
	v.found.Chains++
	v.first = len(v.found.Findings)
	heads, err := headsOf(ctx, v.q, chain)
	if err != nil {
		return err
	}
	stands, err := endOf(ctx, v.q, chain)
	if err != nil {
		return err
	}
	signed := map[int64][]byte{}
	for _, h := range heads {
		v.found.Heads++
		if !v.isSigned(h) {
			v.say(chain, h.Position, "the signed head of %s does not carry a signature of this installation for what it says", h.At.Format("2006-01-02 15:04:05"))
			continue
		}
		signed[h.Position] = h.Link
	}
	at, err := v.entries(ctx, chain, organization, signed)
	if err != nil {
		return err
	}
	if at.position < stands.position {
		v.say(chain, at.position+1, "entries %d to %d are missing at the end", at.position+1, stands.position)
	} else if at.position > stands.position {
		now, err := endOf(ctx, v.q, chain)
		if err != nil {
			return err
		}
		if now.position < at.position {
			v.say(chain, now.position+1, "the chain's end was set back to %d, there are entries up to %d", now.position, at.position)
		}
	} else if !bytes.Equal(at.link, stands.link) {
		v.say(chain, at.position, "the last entry is not the one that the chain's end was made of")
	}
	for _, h := range heads {
		if h.Position > at.position {
			v.say(chain, h.Position, "entry %d was there when the head of %s was signed; the chain ends at %d", h.Position, h.At.Format("2006-01-02 15:04:05"), at.position)
		}
	}
	return nil
}

func (v *Verifier) isSigned(h Head) bool {
	body, err := v.check(h.Signature, func(kid string) (string, bool) {
		jwk, known := v.signers[kid]
		return jwk, known
	})
	var said HeadClaims
	if err != nil || json.Unmarshal(body, &said) != nil {
		return false
	}
	return said == h.claims(said.Issuer)
}

// entries recomputes the links and answers the last entry. After a finding it goes on from what is stored, so that one
// change is one finding.
func (v *Verifier) entries(ctx context.Context, chain string, organization [16]byte, signed map[int64][]byte) (end, error) {
	at := end{0, genesis(chain)}
	for {
		page, err := chainPage(ctx, v.q, organization, at.position, verifyPage)
		if err != nil {
			return at, err
		}
		for i := range page {
			e := &page[i]
			v.found.Entries++
			switch {
			case e.position > at.position+1:
				v.say(chain, at.position+1, "entries %d to %d are missing", at.position+1, e.position-1)
			case e.position == at.position:
				v.say(chain, e.position, "position %d is taken twice", e.position)
			case !bytes.Equal(e.linkTo(at.link, e.position), e.link):
				v.say(chain, e.position, "entry %d (%s %s of %s) was changed, or one before it was exchanged", e.position, e.id, e.action, e.object)
			}
			if head, is := signed[e.position]; is && !bytes.Equal(head, e.link) {
				v.say(chain, e.position, "entry %d is not what its signed head says: the chain was made anew", e.position)
			}
			if e.origin != nil && !v.erased[e.actorID] && !v.erased[e.person] {
				v.say(chain, e.position, "address and user agent of entry %d were taken out, but nobody was erased", e.position)
			}
			at = end{e.position, e.link}
		}
		if len(page) < verifyPage {
			return at, nil
		}
	}
}

func (v *Verifier) say(chain string, position int64, format string, args ...any) {
	switch n := len(v.found.Findings) - v.first; {
	case n < maxFindings:
		v.found.Findings = append(v.found.Findings, Finding{chain, position, fmt.Sprintf(format, args...)})
	case n == maxFindings:
		v.found.Findings = append(v.found.Findings, Finding{chain, 0, "and more"})
	}
}

// errBadHead says that a text is no signed head.
var errBadHead = errors.New("audit: not a signed head of this installation")

// Outside compares a chain with a signed head that was kept outside, where nobody who may write into the database could
// take it away.
func (v *Verifier) Outside(ctx context.Context, signature string) error {
	body, err := v.check(signature, func(kid string) (string, bool) {
		jwk, known := v.signers[kid]
		return jwk, known
	})
	var said HeadClaims
	if err != nil || json.Unmarshal(body, &said) != nil {
		return errBadHead
	}
	organization, err := organizationOf(said.Chain)
	if err != nil {
		return errBadHead
	}
	page, err := chainPage(ctx, v.q, organization, said.Position-1, 1)
	if err != nil {
		return err
	}
	v.first = len(v.found.Findings)
	v.found.Heads++
	h := Head{Chain: said.Chain, Position: said.Position}
	if len(page) == 1 && page[0].position == said.Position {
		h.Link = page[0].link
	}
	if h.claims("").Link != said.Link {
		v.say(said.Chain, said.Position, "entry %d is not what the head that was kept outside says", said.Position)
	}
	return nil
}

func organizationOf(chain string) (organizationID, error) {
	if chain == Installation {
		return organizationID{}, nil
	}
	return sqldb.ParseID[organizationPrefix](chain)
}
