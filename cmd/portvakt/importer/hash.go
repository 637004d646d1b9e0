package importer

import (
	"context"
	"errors"

	"portvakt/idp/credential"
	"portvakt/internal/directory"
	"portvakt/internal/fault"
	"portvakt/internal/sqldb"
)

// hashesOf are the password hashes of a chunk, by line.
func hashesOf(part []entry) map[int]string {
	var hashes map[int]string
	for i := range part {
		if part[i].hash != "" && part[i].refusal == nil {
			if hashes == nil {
				hashes = map[int]string{}
			}
			hashes[part[i].Line] = part[i].hash
		}
	}
	return hashes
}

// errOnceMore takes a chunk back in which hashes were refused; it is taken again without their lines.
var errOnceMore = errors.New("importer: once more without the refused lines")

// members makes members of the lines and gives those without a password the one that they bring along.
//
// Invariant: a line whose hash is refused leaves no member behind (TestPasswordsComeAlong).
func (r *run) members(ctx context.Context, tx *sqldb.Tx, lines []directory.ImportLine, hashes map[int]string) (out []directory.ImportOutcome, err error) {
	var refused []directory.ImportOutcome
	for {
		err := tx.Try(ctx, func() (err error) {
			if out, err = r.Directory.WithTx(tx).Memberships.Import(ctx, r.org, lines, r.job.Mode); err != nil || len(hashes) == 0 {
				return err
			}
			again, err := r.bring(ctx, tx, out, hashes)
			if err == nil && len(again) > 0 {
				refused, err = append(refused, again...), errOnceMore
			}
			return err
		})
		if !errors.Is(err, errOnceMore) {
			return append(out, refused...), err
		}
		lines = without(lines, refused)
	}
}

func without(lines []directory.ImportLine, refused []directory.ImportOutcome) []directory.ImportLine {
	out := map[int]bool{}
	for _, o := range refused {
		out[o.Line] = true
	}
	kept := make([]directory.ImportLine, 0, len(lines))
	for _, l := range lines {
		if !out[l.Line] {
			kept = append(kept, l)
		}
	}
	return kept
}

// bring stores the hashes of the lines that were taken and answers which are refused.
func (r *run) bring(ctx context.Context, tx *sqldb.Tx, out []directory.ImportOutcome, hashes map[int]string) (refused []directory.ImportOutcome, err error) {
	for _, o := range out {
		hash := hashes[o.Line]
		if hash == "" || o.Result == directory.ImportRefused {
			continue
		}
		m, err := r.Directory.WithTx(tx).Memberships.ByID(ctx, r.org, o.Member)
		if err != nil {
			return nil, err
		}
		err = credential.ErrHashNobodys
		if !m.User.IsZero() {
			err = r.SetHash(ctx, tx, r.org, m.User, hash)
		}
		if f := fault.Of(err); f != nil && f.Kind != fault.Internal {
			refused = append(refused, directory.ImportOutcome{Line: o.Line, Result: directory.ImportRefused, Refusal: f})
		} else if err != nil {
			return nil, err
		}
	}
	return refused, nil
}
