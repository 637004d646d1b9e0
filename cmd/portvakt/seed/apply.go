package seed

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"portvakt/internal/config"
	"portvakt/internal/directory"
	"portvakt/internal/fault"
	"portvakt/internal/sqldb"
)

// Deps are what Apply works with; idp/credential has the functions.
type Deps struct {
	DB          *sqldb.DB
	Directory   *directory.Directory
	Hash        func(ctx context.Context, password string) (string, error)
	SetPassword func(ctx context.Context, tx *sqldb.Tx, user directory.UserID, hash string) error
	// SetInitial stores a password that must be changed at the first sign-in.
	SetInitial func(ctx context.Context, tx *sqldb.Tx, user directory.UserID, hash string) error
	// SetImported stores a password hash of another system.
	SetImported func(ctx context.Context, tx *sqldb.Tx, user directory.UserID, text string) error
	SetTOTP     func(ctx context.Context, tx *sqldb.Tx, user directory.UserID, base32 string) error
	// Enrolled says which credentials of a person count at present.
	Enrolled func(ctx context.Context, q sqldb.Queryer, user directory.UserID) (password, totp bool, err error)
	// Trying is called by a plan before it writes anything; what it answers is called when all is written, before that is
	// taken back. Nil: nobody wants to look.
	Trying func(ctx context.Context, tx *sqldb.Tx) (tried func() error, err error)
}

// Apply makes the database what the file says. Its error is a config.Problems where the file is at fault.
func Apply(ctx context.Context, d Deps, f *File) (Report, error) {
	hashes, err := d.hashes(ctx, f)
	if err != nil {
		return Report{}, err
	}
	var report Report
	err = d.DB.Update(ctx, func(tx *sqldb.Tx) error {
		report = Report{}
		return apply(ctx, d, f, &run{tx: tx, hashes: hashes, report: &report})
	})
	return report, err
}

// errPlanned rolls a plan back.
var errPlanned = errors.New("seed: only planned")

// Plan does what Apply would and takes it all back, so that its report is what Apply then does.
func Plan(ctx context.Context, d Deps, f *File) (Report, error) {
	var report Report
	err := d.DB.Update(ctx, func(tx *sqldb.Tx) error {
		report = Report{Planned: true}
		tried := func() error { return nil }
		if d.Trying != nil {
			if err := lock(ctx, tx); err != nil { // first, as apply does
				return err
			}
			var err error
			if tried, err = d.Trying(ctx, tx); err != nil {
				return err
			}
		}
		if err := apply(ctx, d, f, &run{tx: tx, report: &report}); err != nil {
			return err
		}
		if err := tried(); err != nil {
			return err
		}
		return errPlanned
	})
	if errors.Is(err, errPlanned) {
		err = nil
	}
	return report, err
}

// run is one application of a file, inside its transaction.
type run struct {
	tx     *sqldb.Tx
	dir    *directory.Directory
	deps   Deps
	file   *File
	hashes map[string]string // password hashes by e-mail key, made before the transaction
	report *Report

	organizations map[string]directory.Organization
	copies        []copied // of the organization at hand
}

func apply(ctx context.Context, d Deps, f *File, r *run) error {
	r.dir, r.deps, r.file, r.organizations = d.Directory.WithTx(r.tx), d, f, map[string]directory.Organization{}
	if err := lock(ctx, r.tx); err != nil {
		return err
	}
	problems, err := f.Resolve(ctx, r.dir)
	if err != nil {
		return err
	}
	if err := problems.Err(); err != nil {
		return err
	}
	if err := r.installation(ctx); err != nil {
		return err
	}
	if err := r.makeOrganizations(ctx); err != nil {
		return err
	}
	for _, x := range r.agenciesFirst() {
		if err := r.organization(ctx, x); err != nil {
			return err
		}
	}
	for i := range f.Applications {
		if err := r.application(ctx, &f.Applications[i]); err != nil {
			return err
		}
	}
	if err := r.callers(ctx); err != nil {
		return err
	}
	for i := range f.ServiceProviders {
		if err := r.serviceProvider(ctx, &f.ServiceProviders[i]); err != nil {
			return err
		}
	}
	return r.operators(ctx)
}

// refused turns what the directory refuses into a problem of the file, so that people see where.
func (r *run) refused(at config.Position, what string, err error) error {
	f := fault.Of(err)
	if err == nil || f.Kind == fault.Internal {
		return err
	}
	at.Source = r.file.name
	return config.Problems{at.Problem("%s: %s", what, lowerFirst(f.Text))}
}

// hashes makes the password hashes before the transaction begins: each takes a good part of a tenth of a second, and only
// people without a password need one.
func (d Deps) hashes(ctx context.Context, f *File) (map[string]string, error) {
	wanted := map[string]string{}
	for i := range f.Organizations {
		for j := range f.Organizations[i].Members {
			m := &f.Organizations[i].Members[j]
			e, err := directory.ParseEmail(m.Email.Text)
			if err != nil || m.anyPassword() == "" {
				continue
			}
			needed, err := d.needsPassword(ctx, e)
			if err != nil {
				return nil, err
			}
			if needed {
				wanted[e.Key] = m.anyPassword().Reveal()
			}
		}
	}
	var mu sync.Mutex
	hashes := make(map[string]string, len(wanted))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for key, password := range wanted {
		group.Go(func() error {
			hash, err := d.Hash(ctx, password)
			mu.Lock()
			hashes[key] = hash
			mu.Unlock()
			return err
		})
	}
	return hashes, group.Wait()
}

func (d Deps) needsPassword(ctx context.Context, e directory.Email) (bool, error) {
	u, err := d.Directory.Users.ByEmail(ctx, e)
	if there, err := found(err); !there {
		return err == nil, err
	}
	has, _, err := d.Enrolled(ctx, d.DB, u.ID)
	return !has, err
}

// installation saves modules and packages.
func (r *run) installation(ctx context.Context) error {
	modules, err := r.dir.Access.Modules(ctx)
	if err != nil {
		return err
	}
	for i := range r.file.Modules {
		x := &r.file.Modules[i]
		m := existing(modules, func(m directory.Module) bool { return m.Key == x.ID.Text })
		m.Key = x.ID.Text
		setMap(&m.Names, x.Name)
		set(&m.SelfService, x.SelfService)
		setWords(&m.Fields, x.Fields)
		setWords(&m.Tools, x.Tools)
		if err := r.saved(x.Position, "module", m.Key)(r.dir.Access.SaveModules(ctx, []directory.Module{m})); err != nil {
			return err
		}
	}
	packages, err := r.dir.Access.Packages(ctx)
	if err != nil {
		return err
	}
	for i := range r.file.Packages {
		x := &r.file.Packages[i]
		p := existing(packages, func(p directory.Package) bool { return p.Key == x.ID.Text })
		p.Key = x.ID.Text
		setMap(&p.Names, x.Name)
		set(&p.Base, x.Base)
		if x.Grants != nil {
			p.Grants = grantsOf(x.Grants)
		}
		if err := r.saved(x.Position, "package", p.Key)(r.dir.Access.SavePackages(ctx, []directory.Package{p})); err != nil {
			return err
		}
	}
	return r.features(ctx)
}

// features saves what can be switched on.
func (r *run) features(ctx context.Context) error {
	all, err := r.dir.Organizations.Features(ctx)
	if err != nil {
		return err
	}
	for i := range r.file.Features {
		x := &r.file.Features[i]
		f := existing(all, func(f directory.Feature) bool { return f.Key == x.ID.Text })
		f.Key = x.ID.Text
		setMap(&f.Names, x.Name)
		set(&f.PriceLabel, x.Price)
		if err := r.saved(x.Position, "feature", f.Key)(r.dir.Organizations.SaveFeatures(ctx, []directory.Feature{f})); err != nil {
			return err
		}
	}
	return nil
}

// saved takes what came of saving a thing that all organizations share.
func (r *run) saved(at config.Position, noun, key string) func(directory.Tally, error) error {
	return func(t directory.Tally, err error) error {
		if err != nil {
			return r.refused(at, noun+" "+key, err)
		}
		r.report.add("installation", noun, t)
		return nil
	}
}

// existing is the thing as it stands in the database, or a new one.
func existing[T any](list []T, is func(T) bool) (none T) {
	if i := slices.IndexFunc(list, is); i >= 0 {
		return list[i]
	}
	return none
}

func setMap(to *map[string]string, from map[string]string) {
	if from != nil {
		*to = from
	}
}

func setWords(to *[]string, from []Word) {
	if from != nil {
		*to = texts(from)
	}
}

func grantsOf(entries Entries[Word]) map[string]directory.Grade {
	out := make(map[string]directory.Grade, len(entries))
	for _, e := range entries {
		out[e.Key.Text] = directory.Grade(e.Value.Text)
	}
	return out
}

// operators makes members operators of the installation.
func (r *run) operators(ctx context.Context) error {
	for _, w := range r.file.Operators {
		e, err := directory.ParseEmail(w.Text)
		if err != nil {
			return r.refused(w.at, "operator", err)
		}
		u, err := r.dir.Users.ByEmail(ctx, e)
		if err != nil {
			return r.refused(w.at, "operator "+w.Text, err)
		}
		if u.Operator {
			continue
		}
		if err := r.dir.Users.SetOperator(ctx, u.ID, directory.IsOperator); err != nil {
			return r.refused(w.at, "operator "+w.Text, err)
		}
		r.report.add("installation", "operator", directory.Tally{Made: 1})
	}
	return nil
}
