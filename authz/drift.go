package authz

import (
	"context"
	"slices"
	"time"

	"portvakt/internal/directory"
)

// pairTries is how often a pair is looked for while others change the organization.
const pairTries = 5

// Drift is what the snapshot that is running says otherwise than one built from the rows. There should never be any.
func (e *Engine) Drift(ctx context.Context, org directory.OrganizationID) ([]directory.AccessDrift, error) {
	p, err := e.pair(ctx, org)
	if err != nil {
		return nil, err
	}
	return p.drift(e.db.Now(), func(int) {}), nil
}

// pair is what is running, nil where nothing is, and what the rows say at the same version.
type pair struct {
	running *Snapshot
	fresh   *state
	newer   map[directory.MembershipID]bool // members who came between the two readings
}

func (p *pair) members() int { return len(p.fresh.snapshot.members) }

func (e *Engine) pair(ctx context.Context, org directory.OrganizationID) (*pair, error) {
	p := &pair{}
	for range pairTries {
		e.mu.RLock()
		h := e.held[org]
		e.mu.RUnlock()
		f := &flight{generation: e.generation.Load(), began: e.db.Elapsed()}
		p.running = nil
		var err error
		if h != nil {
			if p.running, err = e.renewed(ctx, org, f.generation, f.began); err != nil {
				return nil, err
			}
		}
		if p.fresh, err = e.compile(ctx, org, f); err != nil {
			return nil, err
		}
		if p.running == nil {
			return p, nil
		}
		before := p.newer
		p.newer = map[directory.MembershipID]bool{}
		for id := range p.fresh.snapshot.Members {
			if _, earlier := before[id]; !p.running.Has(id) && !earlier { // whoever was missing the last time too is no newer
				p.newer[id] = true
			}
		}
		if p.running.version == p.fresh.snapshot.version && len(p.newer) == 0 {
			return p, nil
		}
	}
	if p.running.version != p.fresh.snapshot.version {
		p.running = nil // changes come faster than we read: there is nothing to compare with
	}
	return p, nil
}

// drift compares member by member.
func (p *pair) drift(now time.Time, progress func(done int)) []directory.AccessDrift {
	if p.running == nil {
		return nil
	}
	var out []directory.AccessDrift
	running, rows := p.running, p.fresh.snapshot
	d := compare(running, rows, now, progress)
	for i := range d.Modules {
		for _, c := range d.Changes(d.Modules[i].Module, directory.MembershipID{}, 0) {
			if p.newer[c.Member] {
				continue
			}
			out = append(out, driftOf(c, running, rows, now))
		}
	}
	for id := range rows.Members {
		if p.newer[id] {
			continue
		}
		was, _ := running.Claims(id)
		is, _ := rows.Claims(id)
		a, b := was.words(), is.words()
		if !slices.Equal(a, b) {
			missing := func(from []string) func(string) bool {
				return func(w string) bool { return slices.Contains(from, w) }
			}
			out = append(out, directory.AccessDrift{Member: id, Running: slices.DeleteFunc(slices.Clone(a), missing(b)), Rows: slices.DeleteFunc(b, missing(a))})
		}
	}
	return out
}

func driftOf(c Change, running, rows *Snapshot, now time.Time) directory.AccessDrift {
	q := Question{Subject: c.Member, Module: c.Module, At: now}
	x := directory.AccessDrift{Member: c.Member, Module: c.Module, Running: running.Actions(q), Rows: rows.Actions(q)}
	for _, f := range c.Fields {
		x.Fields = append(x.Fields, directory.FieldDrift{Field: f.Field, Running: f.Before, Rows: f.After})
	}
	for _, r := range c.Records {
		x.Records = append(x.Records, directory.RecordDrift{Action: r.Action, Running: r.Lost, Rows: r.Gained})
	}
	return x
}

// words are what claims say beside the modules.
func (c Claims) words() []string {
	var out []string
	for _, x := range []struct {
		noun string
		list []string
	}{{"role", c.Roles}, {"path", c.RolePath}, {"group", c.Groups}, {"profile", c.Profiles}, {"function", c.Functions}, {"segment", c.Segments}} {
		for _, w := range x.list {
			out = append(out, x.noun+":"+w)
		}
	}
	return out
}
