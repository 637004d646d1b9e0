package importer

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	"portvakt/internal/directory"
	"portvakt/internal/fault"
	"portvakt/internal/sqldb"
)

// Job is one import.
type Job struct {
	Organization string // slug
	Name         string // of the file; its ending says how to read it
	Open         func() (io.ReadCloser, error)
	Mode         directory.ImportMode
	Run          Kind
	Chunk        int // lines of one transaction; 0: 1,000
}

// Kind says whether anything is kept.
type Kind bool

// A real run keeps what it wrote, a dry run takes it all back.
const (
	Real Kind = false
	Dry  Kind = true
)

// Deps are what an import works with.
type Deps struct {
	DB        *sqldb.DB
	Directory *directory.Directory
	Progress  func(Progress)
	// SetHash stores a password hash of somebody who has no password; idp/credential has it.
	SetHash func(ctx context.Context, tx *sqldb.Tx, org directory.OrganizationID, user directory.UserID, hash string) error
}

// Progress is how far an import has come.
type Progress struct {
	From    int `json:"from,omitempty"` // the line behind which an interrupted import goes on
	Done    int `json:"done"`           // lines, of
	Total   int `json:"total"`
	Created int `json:"created"`
	Linked  int `json:"linked"` // were members already
	Refused int `json:"refused"`
}

// Refusal is a line that was not taken, and why.
type Refusal struct {
	Line  int    `json:"line"`
	Field string `json:"field"`
	Code  string `json:"code"`
	Text  string `json:"text"`
}

// Result is what an import did, or would do.
type Result struct {
	Progress
	Refusals []Refusal `json:"refusals"`
}

const defaultChunk = 1000

func (j Job) chunk() int {
	if j.Chunk > 0 {
		return j.Chunk
	}
	return defaultChunk
}

// errTaken takes a dry run back.
var errTaken = errors.New("importer: only tried")

// Run imports a file, or goes on with it where an earlier run was interrupted.
func Run(ctx context.Context, d Deps, j Job) (Result, error) {
	total, fingerprint, err := check(j)
	if err != nil {
		return Result{}, err
	}
	o, err := d.Directory.Organizations.BySlug(ctx, j.Organization)
	if err != nil {
		return Result{}, &Mistake{0, fmt.Sprintf("there is no organization %q", j.Organization)}
	}
	r := &run{Deps: d, job: j, org: o.ID}
	r.state.Total = total
	if j.Run == Dry {
		err = d.DB.Update(ctx, func(tx *sqldb.Tx) error {
			r.state = state{Progress: Progress{Total: total}}
			if err := r.file(ctx, func(ctx context.Context, part []entry) error { return r.tried(ctx, tx, part) }); err != nil {
				return err
			}
			return errTaken
		})
		if errors.Is(err, errTaken) {
			err = nil
		}
		return Result{r.state.Progress, r.state.refusals}, err
	}
	if err := r.begin(ctx, fingerprint); err != nil {
		return Result{}, err
	}
	if err := r.file(ctx, r.kept); err != nil {
		return Result{}, err
	}
	refusals, err := r.finish(ctx)
	return Result{r.state.Progress, refusals}, err
}

// check reads the whole file once, so that nothing is written of one that cannot be read to its end.
func check(j Job) (lines int, fingerprint []byte, err error) {
	f, err := j.Open()
	if err != nil {
		return 0, nil, err
	}
	defer f.Close()
	sum := sha256.New()
	fmt.Fprintf(sum, "%v\n", j.Mode)
	from := io.TeeReader(f, sum)
	r, err := open(j.Name, from)
	if err != nil {
		return 0, nil, err
	}
	for {
		_, err := r.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return 0, nil, err
		}
		lines++
	}
	_, err = io.Copy(io.Discard, from)
	return lines, sum.Sum(nil), err
}

// state is how far a run has come, with what its transaction has not kept yet.
type state struct {
	Progress
	id       importID
	line     int // the last that was taken
	refusals []Refusal
}

type run struct {
	Deps
	job   Job
	org   directory.OrganizationID
	state state
}

// file hands the file's lines over in chunks, those behind the line that was taken last.
func (r *run) file(ctx context.Context, take func(context.Context, []entry) error) error {
	f, err := r.job.Open()
	if err != nil {
		return err
	}
	defer f.Close()
	from, err := open(r.job.Name, f)
	if err != nil {
		return err
	}
	part := make([]entry, 0, r.job.chunk())
	last := r.state.line
	if last > 0 {
		r.state.From = last
	}
	for {
		e, err := from.next()
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if ended := err != nil; ended || len(part) == r.job.chunk() {
			if len(part) > 0 {
				if err := take(ctx, part); err != nil {
					return err
				}
				r.Progress(r.state.Progress)
			}
			if ended {
				return nil
			}
			part = part[:0]
		}
		if e.Line > last {
			part = append(part, e)
		}
	}
}

// tried takes a chunk in the one transaction of a dry run.
func (r *run) tried(ctx context.Context, tx *sqldb.Tx, part []entry) error {
	next, err := r.take(ctx, tx, part)
	if err == nil {
		next.refusals = append(r.state.refusals, next.refusals...)
		r.state = next
	}
	return err
}

// kept takes a chunk in a transaction of its own, with how far the import has come.
func (r *run) kept(ctx context.Context, part []entry) error {
	var next state
	err := r.DB.Update(ctx, func(tx *sqldb.Tx) error {
		var err error
		if next, err = r.take(ctx, tx, part); err != nil {
			return err
		}
		return r.save(ctx, tx, next)
	})
	if err == nil {
		r.state = next
	}
	return err
}

// take makes members of a chunk and answers how far that brings the import.
func (r *run) take(ctx context.Context, tx *sqldb.Tx, part []entry) (state, error) {
	next := r.state
	next.refusals = nil
	lines := make([]directory.ImportLine, 0, len(part))
	refuse := func(line int, f *fault.Fault) {
		next.Refused++
		next.refusals = append(next.refusals, Refusal{line, f.Field, f.Code, f.Text})
	}
	for i := range part {
		if f := part[i].refusal; f != nil {
			refuse(part[i].Line, f)
			continue
		}
		lines = append(lines, part[i].ImportLine)
	}
	out, err := r.members(ctx, tx, lines, hashesOf(part))
	if err != nil {
		return next, err
	}
	for _, o := range out {
		switch o.Result {
		case directory.ImportRefused:
			refuse(o.Line, o.Refusal)
		case directory.ImportCreated:
			next.Created++
		default:
			next.Linked++
		}
	}
	next.Done += len(part)
	next.line = part[len(part)-1].Line
	return next, nil
}
