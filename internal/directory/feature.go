package directory

import (
	"context"
	"maps"
	"time"

	"portvakt/internal/actor"
	"portvakt/internal/audit"
	"portvakt/internal/fault"
	"portvakt/internal/outbox"
	"portvakt/internal/sqldb"
)

// Features that rules of ours ask for. The installation's file may name and price them, and declare others for its
// applications to ask for.
const (
	FeatureArchive    = "archive"     // ended members keep their records
	FeatureExtraUsers = "extra_users" // seats bound the organization no longer
)

// The events of features. An activation has exactly one, so that billing charges once.
const (
	EventFeatureActivated   = "feature.activated"
	EventFeatureDeactivated = "feature.deactivated"
)

// Feature is something that can be switched on for an organization.
type Feature struct {
	Key        string
	Names      map[string]string // by language
	PriceLabel string            // as people read it: "49 kr / month"
}

// Name is the name in a language, else in English, else any, else the key.
func (f Feature) Name(language string) string { return nameIn(f.Names, language, f.Key) }

// FeatureSwitch says whether a feature is on.
type FeatureSwitch bool

// The two ways a switch stands.
const (
	FeatureOn  FeatureSwitch = true
	FeatureOff FeatureSwitch = false
)

// FeatureState is a feature as an organization has it. What is off is listed too, so that it can be seen and asked for.
type FeatureState struct {
	Feature
	Switch      FeatureSwitch
	ActivatedAt time.Time // zero where it is off
	Price       string    // the label at the moment of the activation
}

// FeatureEvent is what an event about a feature says.
type FeatureEvent struct {
	Organization string `json:"organization"`
	Feature      string `json:"feature"`
	Activation   string `json:"activation,omitempty"` // its id
	PriceLabel   string `json:"price_label,omitempty"`
	// Quiet says that nobody is to be written to: the organization began with it.
	Quiet bool `json:"quiet,omitempty"`
}

type activationPrefix struct{}

func (activationPrefix) Prefix() string { return "act" }

// ActivationID identifies one activation of a feature.
type ActivationID = sqldb.ID[activationPrefix]

func (f *Feature) check() error {
	if err := CheckKey(f.Key); err != nil {
		return err
	}
	if err := checkText("price", f.PriceLabel); err != nil {
		return err
	}
	return checkNames(f.Names)
}

// SaveFeatures makes and changes what can be switched on. It is the installation's own act. An activation keeps the price
// label that it was made at.
func (s Organizations) SaveFeatures(ctx context.Context, features []Feature) (Tally, error) {
	var t Tally
	err := s.update(ctx, func(tx *sqldb.Tx) error {
		t = Tally{}
		was, err := Organizations{store{db: s.db, tx: tx}}.Features(ctx)
		if err != nil {
			return err
		}
		for _, f := range features {
			if err := f.check(); err != nil {
				return err
			}
			old, there := find(was, func(o Feature) bool { return o.Key == f.Key })
			if there && old.PriceLabel == f.PriceLabel && maps.Equal(old.Names, f.Names) {
				continue
			}
			if err := writeFeature(tx, f); err != nil {
				return err
			}
			action := "feature.changed"
			if there {
				t.Changed++
			} else {
				action, t.Made, was = "feature.created", t.Made+1, append(was, f)
			}
			if err := audit.Append(ctx, tx, OrganizationID{}, audit.Entry{Action: action, Object: f.Key}); err != nil {
				return err
			}
		}
		return nil
	})
	return t, err
}

// SetFeature switches a feature on or off; as it was already changes nothing.
//
// Invariant: an activation is recorded and told exactly once, however many ask for it at the same moment
// (TestR24_ActivationRace).
func (s Organizations) SetFeature(ctx context.Context, org OrganizationID, key string, to FeatureSwitch) error {
	return s.update(ctx, func(tx *sqldb.Tx) error {
		if err := lockOrganization(ctx, tx, org); err != nil {
			return err
		}
		if _, err := featureByKey(ctx, tx, key); err != nil {
			return err
		}
		was, err := featureOn(ctx, tx, org, key)
		if err != nil || was == to {
			return err
		}
		if err := switchFeature(ctx, tx, org, turn{key: key, to: to}); err != nil {
			return err
		}
		touchOrganization(tx, org)
		if key != FeatureExtraUsers || to == FeatureOn {
			return nil
		}
		o, err := organizationRow(ctx, tx, org)
		if err != nil {
			return err
		}
		return seatsSuffice(ctx, tx, &o)
	})
}

// turn is one switch, and which way.
type turn struct {
	key   string
	to    FeatureSwitch
	quiet bool // the organization begins with it
}

// switchFeature turns a feature that stands the other way; the caller has locked the organization.
func switchFeature(ctx context.Context, tx *sqldb.Tx, org OrganizationID, t turn) error {
	f, err := featureByKey(ctx, tx, t.key)
	if err != nil {
		return err
	}
	e := FeatureEvent{Organization: org.String(), Feature: t.key, Quiet: t.quiet}
	kind := EventFeatureDeactivated
	if t.to == FeatureOff {
		endActivation(tx, org, t.key)
	} else {
		id, a := sqldb.NewID[activationPrefix](tx.Now()), actor.From(ctx)
		startActivation(tx, org, activation{id, f, string(a.Kind), a.ID})
		kind, e.Activation, e.PriceLabel = EventFeatureActivated, id.String(), f.PriceLabel
	}
	if err := audit.Append(ctx, tx, org, audit.Entry{Action: kind, Object: t.key, Detail: map[string]any{"price_label": e.PriceLabel}}); err != nil {
		return err
	}
	return outbox.Append(tx, org, kind, e.Organization, e)
}

type activation struct {
	id                 ActivationID
	feature            Feature
	actorKind, actorID string
}

// requireFeature refuses what the organization has not switched on, and says so by the name that people know it by.
func requireFeature(ctx context.Context, q sqldb.Queryer, org OrganizationID, key string) error {
	on, err := featureOn(ctx, q, org, key)
	if err != nil || on == FeatureOn {
		return err
	}
	name := fault.Noun{English: key}
	if f, err := featureByKey(ctx, q, key); err == nil {
		name = fault.Noun{English: f.Name("en"), Names: f.Names}
	} else if !fault.Is(err, fault.Invalid) {
		return err
	}
	return fault.Newf(fault.Forbidden, "feature_off", "%s is not switched on in this organization", name).On(key)
}
