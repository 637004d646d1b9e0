package directory

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"time"

	"portvakt/internal/audit"
	"portvakt/internal/outbox"
	"portvakt/internal/sqldb"
)

// What is done with service providers: audit entries and events have the same names.
const (
	EventServiceProviderCreated = "service_provider.created"
	EventServiceProviderChanged = "service_provider.changed"
	EventServiceProviderRemoved = "service_provider.removed"
	// EventServiceProviderKeys says that its metadata came with other keys than before.
	EventServiceProviderKeys = "service_provider.keys_changed"
	// EventServiceProviderEnding says that its metadata or a certificate in it ends within ServiceProviderNotice.
	EventServiceProviderEnding = "service_provider.ending"
)

// ServiceProviderNotice is how long before an end owners are told of it.
const ServiceProviderNotice = 30 * 24 * time.Hour

// ServiceProviderEvent is what an event about a service provider says; its kind says what was done.
type ServiceProviderEvent struct {
	Application  string `json:"application"`
	Organization string `json:"organization,omitempty"` // the owner; absent: the installation
	EntityID     string `json:"entity_id"`
	Name         string `json:"name"`
	Ends         string `json:"ends,omitempty"` // of service_provider.ending
}

// Register makes a service provider for the owner that its application names; zero is the installation. An organization's own
// serves that organization alone.
//
// Invariant: of any number of registrations of one entity id for one owner one succeeds; other owners do not come into it, nor
// learn of it (TestWall056_AnEntityIsItsOwners).
func (s ServiceProviders) Register(ctx context.Context, p ServiceProvider) (ServiceProvider, error) {
	err := s.update(ctx, func(tx *sqldb.Tx) error {
		within := ServiceProviders{store{db: s.db, tx: tx, allows: s.allows}}
		if err := within.ready(ctx, &p); err != nil {
			return err
		}
		p.Application.ID = sqldb.NewID[applicationPrefix](tx.Now())
		p.Application.ClientID = p.Application.ID.String()
		if err := within.takenBy(ctx, &p); err != nil {
			return err
		}
		if err := insertServiceProvider(ctx, tx, &p); err != nil {
			return err
		}
		if err := noteServiceProvider(ctx, tx, EventServiceProviderCreated, nil, &p); err != nil {
			return err
		}
		var err error
		p, err = within.ByApplication(ctx, p.ID())
		return err
	})
	return p, s.unique(ctx, &p, err)
}

// unique names the reason why two registrations at once do not both succeed.
func (s ServiceProviders) unique(ctx context.Context, p *ServiceProvider, err error) error {
	if !sqldb.IsUnique(err) {
		return err
	}
	if s.tx == nil {
		if taken := s.takenBy(ctx, p); taken != nil {
			return taken
		}
	}
	return ErrEntityIDTaken
}

// ready fills in what was left open, and judges.
func (s ServiceProviders) ready(ctx context.Context, p *ServiceProvider) error {
	a := &p.Application
	a.Kind, a.Secrets, a.AccessClaims = KindSAML, nil, nil
	if a.Name == "" {
		a.Name = p.Metadata.DisplayName
	}
	if a.Name == "" {
		a.Name = firstRunes(p.EntityID, maxText)
	}
	if !a.Organization.IsZero() {
		if _, err := Organizations(s).ByID(ctx, a.Organization); err != nil {
			return err
		}
		a.AllOrganizations, a.Organizations = false, []OrganizationID{a.Organization}
	}
	if p.Settings.Sign == SignAssertion {
		p.Settings.Sign = ""
	}
	if p.Refresh.URL == "" {
		p.Refresh = MetadataRefresh{}
	} else if p.Refresh.NextAt.IsZero() {
		p.Refresh.NextAt = s.now()
	}
	return s.CheckServiceProvider(p)
}

func firstRunes(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n])
	}
	return s
}

// Change edits a service provider; what is left as it was writes nothing. Its owner and its entity id stay.
//
// Invariant: no change moves a registration to another owner or entity, and a neighbour's is not there
// (TestServiceProviderKeepsItsOwner).
func (s ServiceProviders) Change(ctx context.Context, owner OrganizationID, id ApplicationID, edit func(*ServiceProvider) error) (p ServiceProvider, err error) {
	err = s.update(ctx, func(tx *sqldb.Tx) error {
		within := ServiceProviders{store{db: s.db, tx: tx, allows: s.allows}}
		was, err := holdServiceProvider(ctx, tx, owner, id)
		if err != nil {
			return err
		}
		if p, err = within.ByApplication(ctx, id); err != nil { // of its own: edit may write into its lists
			return err
		}
		if err := edit(&p); err != nil {
			return err
		}
		if p.ID() != was.ID() || p.Owner() != was.Owner() || p.EntityID != was.EntityID {
			return errProviderFixed
		}
		if p.Refresh.URL != was.Refresh.URL || !bytes.Equal(p.Refresh.SignedBy, was.Refresh.SignedBy) { // how it went elsewhere, or unproven, says nothing
			p.Refresh.FetchedAt, p.Refresh.NextAt, p.Refresh.Failure, p.Refresh.Failures = time.Time{}, time.Time{}, "", 0
		}
		if err := within.ready(ctx, &p); err != nil {
			return err
		}
		if err := within.takenBy(ctx, &p); err != nil {
			return err
		}
		if err := within.write(ctx, &was, &p); err != nil {
			return err
		}
		p, err = within.ByApplication(ctx, id)
		return err
	})
	return p, s.unique(ctx, &p, err)
}

// write stores a change and what there is to tell of it. Metadata that was signed anew, or an attempt to read it, is no change
// that anybody hears of.
func (s ServiceProviders) write(ctx context.Context, was, p *ServiceProvider) error {
	told := p.changes(was)
	switch {
	case len(told) > 0:
		if err := updateServiceProvider(ctx, s.tx, was, p); err != nil {
			return err
		}
		if was.Metadata.prints() != p.Metadata.prints() {
			if err := noteServiceProvider(ctx, s.tx, EventServiceProviderKeys, nil, p); err != nil {
				return err
			}
		}
		return noteServiceProvider(ctx, s.tx, EventServiceProviderChanged, told, p)
	case !sameJSON(was.Metadata, p.Metadata):
		s.tx.Bump(ApplicationsWatermark)
		return updateServiceProvider(ctx, s.tx, was, p)
	case !reflect.DeepEqual(was.Refresh, p.Refresh):
		saveRefresh(s.tx, p)
	}
	return nil
}

// Remove takes a service provider away: nobody can sign in to it any more, and its entity id is free again.
func (s ServiceProviders) Remove(ctx context.Context, owner OrganizationID, id ApplicationID) error {
	return s.update(ctx, func(tx *sqldb.Tx) error {
		p, err := holdServiceProvider(ctx, tx, owner, id)
		if err != nil {
			return err
		}
		deleteServiceProvider(tx, &p)
		return noteServiceProvider(ctx, tx, EventServiceProviderRemoved, nil, &p)
	})
}

// Warn tells the owner once of an end that is near; false where that was done before.
func (s ServiceProviders) Warn(ctx context.Context, p ServiceProvider) (told bool, err error) {
	err = s.update(ctx, func(tx *sqldb.Tx) error {
		if told, err = claimWarning(ctx, tx, &p); err != nil || !told {
			return err
		}
		return noteServiceProvider(ctx, tx, EventServiceProviderEnding, map[string][2]any{"ends": {"", instant(p.End())}}, &p)
	})
	return told, err
}

func noteServiceProvider(ctx context.Context, tx *sqldb.Tx, action string, changes map[string][2]any, p *ServiceProvider) error {
	detail := map[string]any{"entity_id": p.EntityID}
	event := ServiceProviderEvent{Application: p.ID().String(), EntityID: p.EntityID, Name: p.Application.Name}
	if !p.Owner().IsZero() {
		event.Organization = p.Owner().String()
	}
	switch action {
	case EventServiceProviderEnding:
		detail["ends"], event.Ends = changes["ends"][1], instant(p.End())
	case EventServiceProviderKeys:
		detail["keys"] = strings.Fields(p.Metadata.prints())
		tx.Bump(ApplicationsWatermark)
	default:
		if len(changes) > 0 {
			detail["changes"] = changes
		}
		tx.Bump(ApplicationsWatermark)
	}
	if err := audit.Append(ctx, tx, p.Owner(), audit.Entry{Action: action, Object: p.ID().String(), Detail: detail}); err != nil {
		return err
	}
	return outbox.Append(tx, p.Owner(), action, p.ID().String(), event)
}

// serviceProviderOpen are the parts of a registration that its history compares, beside the settings and the metadata, which
// it compares by the names that they are stored under (TestServiceProviderHistory).
var serviceProviderOpen = []field[ServiceProvider]{
	{"name", func(p *ServiceProvider) any { return p.Application.Name }},
	{"slug", func(p *ServiceProvider) any { return p.Slug }},
	{"all_organizations", func(p *ServiceProvider) any { return p.Application.AllOrganizations }},
	{"organizations", func(p *ServiceProvider) any {
		var out []string
		for _, o := range sortedOrganizations(p.Application.Organizations) {
			out = append(out, o.String())
		}
		return out
	}},
	{"disabled", func(p *ServiceProvider) any { return p.Application.Disabled }},
	{"metadata_url", func(p *ServiceProvider) any { return p.Refresh.URL }},
	{"metadata_signed_by", func(p *ServiceProvider) any { return print(p.Refresh.SignedBy) }},
	{"keys", func(p *ServiceProvider) any { return strings.Fields(p.Metadata.prints()) }},
}

// changes are what differs, before and after. When metadata ends or how long it may be kept is none: that moves each time it
// is read.
func (p *ServiceProvider) changes(was *ServiceProvider) map[string][2]any {
	changes := map[string][2]any{}
	for _, f := range serviceProviderOpen {
		if before, after := f.of(was), f.of(p); !reflect.DeepEqual(before, after) {
			changes[f.name] = [2]any{before, after}
		}
	}
	structChanges(changes, "", was.Settings, p.Settings)
	structChanges(changes, "metadata.", was.Metadata, p.Metadata, "keys", "valid_until", "cache_seconds", "signed")
	structChanges(changes, "", was.Application.Metadata, p.Application.Metadata)
	return changes
}

// structChanges compares two structs field by field, by the names of their JSON.
func structChanges(changes map[string][2]any, prefix string, was, is any, except ...string) {
	before, after := reflect.ValueOf(was), reflect.ValueOf(is)
	for i := range before.NumField() {
		name := detailName(before.Type().Field(i))
		x, y := before.Field(i), after.Field(i)
		none := (x.Kind() == reflect.Slice || x.Kind() == reflect.Map) && x.Len() == 0 && y.Len() == 0
		if !none && !slices.Contains(except, name) && !sameJSON(x.Interface(), y.Interface()) {
			changes[prefix+name] = [2]any{x.Interface(), y.Interface()}
		}
	}
}

// sameJSON reports whether two values are stored alike.
func sameJSON(a, b any) bool {
	x, err := json.Marshal(a)
	y, err2 := json.Marshal(b)
	return err == nil && err2 == nil && string(x) == string(y)
}

// prints are the SHA-256 of all keys with their use, in order; what a notice of a change goes by.
func (m *SAMLMetadata) prints() string {
	prints := make([]string, len(m.Keys))
	for i, k := range m.Keys {
		der := k.Certificate
		if len(der) == 0 {
			der = k.PublicKey
		}
		use := k.Use
		if use == "" {
			use = "any"
		}
		prints[i] = use + ":" + print(der)
	}
	slices.Sort(prints)
	return strings.Join(prints, " ")
}

func print(der []byte) string {
	if len(der) == 0 {
		return ""
	}
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:])
}

// End is when somebody must have acted: the soonest end of a certificate, and of the metadata where it is not read anew, or
// could not be. Zero where nothing ends.
func (p ServiceProvider) End() (end time.Time) {
	if p.Refresh.URL == "" || p.Refresh.Failures > 0 {
		end = p.Metadata.ValidUntil
	}
	for _, k := range p.Metadata.Keys {
		if !k.NotAfter.IsZero() && (end.IsZero() || k.NotAfter.Before(end)) {
			end = k.NotAfter
		}
	}
	return end
}
