package audit

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"io"
	"time"

	"portvakt/internal/sqldb"
)

// Exported is one line of an export: the record, and all that the chain goes by, so that whoever has the lines can
// recompute it with nothing but SHA-256 (docs/operations.md tells how).
type Exported struct {
	Record
	Micros   int64  `json:"micros"`           // the time as the chain has it
	Salt     string `json:"salt,omitempty"`   // hex, as all that follows
	Origin   string `json:"origin"`           // hash of salt, address and user agent
	Sealed   string `json:"sealed,omitempty"` // the changes, under the person's key
	Previous string `json:"previous"`
	Link     string `json:"link"`
	RawText  string `json:"detail_text"` // detail, byte for byte as the chain has it
}

// Export writes an organization's chain as JSON Lines, oldest first, and answers how many lines. What waits for its place
// in the chain is not in it. from is inclusive, to exclusive; zero times do not matter.
func Export[P sqldb.Prefix](ctx context.Context, q sqldb.Queryer, organization sqldb.ID[P], span Span, w io.Writer) (int64, error) {
	id := organizationID(organization)
	at := end{0, genesis(chainOf(id))}
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	lines := int64(0)
	for {
		page, err := chainPage(ctx, q, id, at.position, verifyPage)
		if err != nil {
			return lines, err
		}
		keys, err := keysOf(ctx, q, peopleOf(page))
		if err != nil {
			return lines, err
		}
		for i := range page {
			e := &page[i]
			if when := time.UnixMicro(e.at); !when.Before(span.From) && (span.To.IsZero() || when.Before(span.To)) {
				if err := out.Encode(e.exported(e.record(keys), at.link)); err != nil {
					return lines, err
				}
				lines++
			}
			at = end{e.position, e.link}
		}
		if len(page) < verifyPage {
			return lines, nil
		}
	}
}

// Span is a stretch of time, from inclusive, to exclusive; zero: open.
type Span struct{ From, To time.Time }

func (e *stored) exported(r Record, previous []byte) Exported {
	return Exported{Record: r, Micros: e.at, Salt: hex.EncodeToString(e.salt), Origin: hex.EncodeToString(e.originHash()),
		Sealed: hex.EncodeToString(e.sealed), Previous: hex.EncodeToString(previous), Link: hex.EncodeToString(e.link), RawText: e.detail}
}
