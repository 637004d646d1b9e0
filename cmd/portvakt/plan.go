package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"portvakt/authz"
	"portvakt/cmd/portvakt/seed"
	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
)

// namesTold says how many of those whose access changes are named.
type namesTold bool

const everybody namesTold = true

// plan tells what apply would do, and what that would do to access. All of it is done and taken back.
func (h *house) plan(ctx context.Context, file *seed.File, told namesTold) (string, error) {
	problems, err := file.Resolve(ctx, h.dir)
	if err != nil {
		return "", err
	}
	if len(problems) > 0 {
		return "", problems
	}
	var differences []*authz.Difference
	deps := h.seedDeps()
	deps.Trying = func(ctx context.Context, tx *sqldb.Tx) (func() error, error) {
		orgs, err := organizationsOf(ctx, h.dir.WithTx(tx), file)
		if err != nil {
			return nil, err
		}
		trial, err := authz.Try(ctx, tx, h.dir, orgs...)
		return func() (err error) {
			differences, err = trial.Differences(ctx)
			return err
		}, err
	}
	report, err := seed.Plan(ctx, deps, file)
	if err != nil {
		return report.String(), err
	}
	b := &strings.Builder{}
	b.WriteString(report.String())
	for _, d := range differences {
		if err := h.tellDifference(ctx, b, d, told); err != nil {
			return "", err
		}
	}
	if len(file.Modules)+len(file.Packages) > 0 {
		b.WriteString("\nmodules and packages are every organization's; only those of the file have been looked at")
	}
	b.WriteString("\nnothing is changed: this was a dry run")
	return b.String(), nil
}

// organizationsOf are those of the file that exist already.
func organizationsOf(ctx context.Context, dir *directory.Directory, file *seed.File) (ids []directory.OrganizationID, err error) {
	for i := range file.Organizations {
		o, err := dir.Organizations.BySlug(ctx, file.Organizations[i].Slug.Text)
		if errors.Is(err, directory.ErrOrganizationNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		ids = append(ids, o.ID)
	}
	return ids, nil
}

// firstNames is how many people of a module are named where not everybody is asked for.
const firstNames = 5

// tellDifference writes who gains and who loses what, module by module.
func (h *house) tellDifference(ctx context.Context, b *strings.Builder, d *authz.Difference, told namesTold) error {
	o, err := h.dir.Organizations.ByID(ctx, d.Organization)
	if err != nil {
		return err
	}
	if d.None() {
		fmt.Fprintf(b, "\naccess in %s: the same for everybody", o.Slug)
		return nil
	}
	fmt.Fprintf(b, "\naccess in %s: %s", o.Slug, many(d.Members, "member gains or loses something", "members gain or lose something"))
	limit := firstNames
	if told == everybody {
		limit = 0
	}
	for _, m := range d.Modules {
		fmt.Fprintf(b, "\n  %s: %d gain, %d lose%s", m.Module, m.Gaining, m.Losing, countsOf(m))
		changes := d.Changes(m.Module, directory.MembershipID{}, limit)
		ids := make([]directory.MembershipID, len(changes))
		for i, c := range changes {
			ids[i] = c.Member
		}
		names, err := h.dir.Memberships.Names(ctx, d.Organization, ids)
		if err != nil {
			return err
		}
		for _, c := range changes {
			name := names[c.Member]
			if name == "" {
				name = d.Made[c.Member]
			}
			fmt.Fprintf(b, "\n    %s: %s", name, changeOf(c))
		}
		if all := len(d.Changes(m.Module, directory.MembershipID{}, 0)); all > len(changes) {
			fmt.Fprintf(b, "\n    and %d more; --details names them", all-len(changes))
		}
	}
	return nil
}

// countsOf are a module's actions and records in numbers.
func countsOf(m authz.ModuleDifference) string {
	var parts []string
	for _, a := range m.Actions {
		parts = append(parts, a.Action+signed(int64(a.Gaining), int64(a.Losing)))
	}
	for _, r := range m.Records {
		parts = append(parts, "records to "+r.Action+":"+signed(r.Gained, r.Lost)+" owners")
	}
	if len(parts) == 0 {
		return ""
	}
	return " (" + strings.Join(parts, ", ") + ")"
}

func signed(more, fewer int64) (text string) {
	if more > 0 {
		text += fmt.Sprintf(" +%d", more)
	}
	if fewer > 0 {
		text += fmt.Sprintf(" -%d", fewer)
	}
	return text
}

// changeOf is what changes for one member in a module.
func changeOf(c authz.Change) string {
	var parts []string
	if len(c.Gained) > 0 {
		parts = append(parts, "gains "+strings.Join(c.Gained, ", "))
	}
	if len(c.Lost) > 0 {
		parts = append(parts, "loses "+strings.Join(c.Lost, ", "))
	}
	for _, f := range c.Fields {
		parts = append(parts, fmt.Sprintf("%s from %s to %s", f.Field, f.Before, f.After))
	}
	for _, r := range c.Records {
		parts = append(parts, fmt.Sprintf("records to %s:%s owners", r.Action, signed(int64(r.Gained), int64(r.Lost))))
	}
	return strings.Join(parts, "; ")
}
