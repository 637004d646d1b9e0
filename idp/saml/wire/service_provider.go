package wire

import "time"

// ServiceProvider is what a service provider's metadata says: plain, to be stored as JSON, and nothing in it that was not
// looked at.
type ServiceProvider struct {
	EntityID    string `json:"entity_id"`
	DisplayName string `json:"display_name,omitempty"` // English if there is any, else the first
	// Names are what it calls itself, by language.
	Names                map[string]string           `json:"names,omitempty"`
	ACS                  []Endpoint                  `json:"acs"`
	SLO                  []Endpoint                  `json:"slo,omitempty"`
	NameIDFormats        []string                    `json:"name_id_formats,omitempty"`
	Keys                 []Key                       `json:"keys,omitempty"`
	AuthnRequestsSigned  bool                        `json:"authn_requests_signed,omitempty"`
	WantAssertionsSigned bool                        `json:"want_assertions_signed,omitempty"`
	AttributeServices    []AttributeConsumingService `json:"attribute_services,omitempty"`
	EntityAttributes     []Attribute                 `json:"entity_attributes,omitempty"`
	// ValidUntil is the soonest that applies, of the entity, its role and what is around it; zero if none says.
	ValidUntil time.Time `json:"valid_until,omitzero"`
	// CacheDuration is the shortest that applies; zero if none says.
	CacheDuration time.Duration `json:"cache_duration,omitempty"`
	// Signed is true where the metadata's own signature was verified.
	Signed bool `json:"signed,omitempty"`
}

// AttributeConsumingService is a set of attributes that a service provider asks for.
type AttributeConsumingService struct {
	Index     int                  `json:"index"`
	Default   bool                 `json:"default,omitempty"`
	Names     map[string]string    `json:"names,omitempty"`
	Requested []RequestedAttribute `json:"requested,omitempty"`
}

// RequestedAttribute is one attribute that is asked for; values limit it to those.
type RequestedAttribute struct {
	Attribute
	Required bool `json:"required,omitempty"`
}

// Answer finds where a request is to be answered: only ever at an address of the metadata.
//
// Invariant: an address that is not registered, byte for byte, is never answered to (TestWall045_OnlyRegisteredAddresses).
func (s *ServiceProvider) Answer(q *AuthnRequest) (Endpoint, bool) {
	switch {
	case q.ACS != nil:
		for _, e := range s.ACS {
			if e.Index == *q.ACS {
				return e, true
			}
		}
		return Endpoint{}, false
	case q.ACSURL != "":
		for _, e := range s.ACS {
			if e.Location == q.ACSURL && (q.ProtocolBinding == "" || q.ProtocolBinding == e.Binding) {
				return e, true
			}
		}
		return Endpoint{}, false
	}
	return s.DefaultACS(q.ProtocolBinding)
}

// DefaultACS is where to answer when nobody says (metadata §2.2.3): the first that calls itself default, else the first
// that does not deny it, else the first. An empty binding means any.
func (s *ServiceProvider) DefaultACS(binding Binding) (Endpoint, bool) {
	for _, fits := range []func(Endpoint) bool{
		func(e Endpoint) bool { return e.Default },
		func(e Endpoint) bool { return !e.Declined },
		func(Endpoint) bool { return true },
	} {
		for _, e := range s.ACS {
			if (binding == "" || e.Binding == binding) && fits(e) {
				return e, true
			}
		}
	}
	return Endpoint{}, false
}

// Logout is where a request to sign out is sent, by the first of the bindings that is offered.
func (s *ServiceProvider) Logout(bindings ...Binding) (Endpoint, bool) {
	for _, b := range bindings {
		for _, e := range s.SLO {
			if e.Binding == b {
				return e, true
			}
		}
	}
	return Endpoint{}, false
}

// Requested are the attributes of the service that a request names, or of the default one; nil where there is none.
func (s *ServiceProvider) Requested(service *int) []RequestedAttribute {
	for i, a := range s.AttributeServices {
		if service != nil && a.Index == *service || service == nil && (a.Default || i == 0 && !s.hasDefaultService()) {
			return a.Requested
		}
	}
	return nil
}

func (s *ServiceProvider) hasDefaultService() bool {
	for _, a := range s.AttributeServices {
		if a.Default {
			return true
		}
	}
	return false
}

// Expired reports whether the metadata may no longer be used.
func (s *ServiceProvider) Expired(now time.Time) bool {
	return !s.ValidUntil.IsZero() && !now.Before(s.ValidUntil)
}
