package saml

import (
	"context"
	"net/http"

	"portvakt/idp/interaction"
	"portvakt/idp/saml/wire"
	"portvakt/internal/fault"
	"portvakt/internal/sqldb"
	"portvakt/internal/web"
)

// What is wrong with a request before it is proven whom the answer goes to: a page says it.
var (
	errNoAddress = fault.New(fault.NotFound, "not_found", "There is no such page")
	errUnknown   = fault.New(fault.Unauthenticated, "saml_unknown_issuer", "There is no such service provider at this address")
	errExpired   = fault.New(fault.Forbidden, "saml_metadata_expired", "The service provider's metadata has expired")
	errACS       = fault.New(fault.Invalid, "saml_acs", "The address for the answer is not in the service provider's metadata")
	errReplayed  = fault.New(fault.Invalid, "saml_replayed", "The request was used already")
	errCarried   = fault.New(fault.Invalid, "saml_message", "The request cannot be read")
	errOver      = fault.New(fault.Expired, "interaction_expired", "The request is too old")
	errUnasked   = fault.New(fault.Invalid, "saml_unasked", "Nobody asked for the answer")
	errForm      = fault.New(fault.Invalid, "saml_parameters", "The form cannot be read")
)

// What is wrong with a request whose answer's address is proven, or with whoever signed in.
var (
	errUnsupported    = fault.New(fault.Invalid, "saml_unsupported", "The request demands what is not supported")
	errTooManyClasses = fault.New(fault.Invalid, "saml_unsupported", "The request names too many authentication contexts")
	errOtherIDP       = fault.New(fault.Invalid, "saml_other_idp", "The request is for other identity providers")
	errBinding        = fault.New(fault.Invalid, "saml_binding", "The answer cannot be sent by this binding")
	errPolicy         = fault.New(fault.Invalid, "saml_name_id_policy", "No name of this format is given to this service provider")
	errUnverified     = fault.New(fault.Forbidden, "saml_unverified", "The person's address is not verified")
	errOtherPerson    = fault.New(fault.Unauthenticated, "saml_other_person", "Somebody else has signed in than the request names")
)

// statuses is the table of the door: what a service provider hears of a refusal, by its code.
var statuses = map[string]wire.Status{
	"login_required":                    wire.StatusNoPassive,
	"interaction_required":              wire.StatusNoPassive,
	"consent_required":                  wire.StatusNoPassive,
	"second_factor_required":            wire.StatusNoPassive,
	"session_limit":                     wire.StatusNoPassive,
	"access_denied":                     wire.StatusRequestDenied,
	"unmet_authentication_requirements": wire.StatusNoAuthnContext,
	"saml_unsupported":                  wire.StatusRequestUnsupported,
	"saml_other_idp":                    wire.StatusNoSupportedIDP,
	"saml_binding":                      wire.StatusUnsupportedBinding,
	"saml_name_id_policy":               wire.StatusInvalidNameIDPolicy,
	"saml_unverified":                   wire.StatusInvalidNameIDPolicy,
	"saml_other_person":                 wire.StatusUnknownPrincipal,
	"saml_version":                      wire.StatusVersionMismatch,
	"signed_out":                        wire.StatusAuthnFailed,
	"sid_ended":                         wire.StatusAuthnFailed,
}

// kinds is what a service provider hears of the refusals that the table does not name.
var kinds = map[fault.Kind]wire.Status{
	fault.Invalid:         wire.StatusRequester,
	fault.NotFound:        wire.StatusRequester,
	fault.Conflict:        wire.StatusRequester,
	fault.Stale:           wire.StatusRequester,
	fault.Forbidden:       wire.StatusRequestDenied,
	fault.Unauthenticated: wire.StatusAuthnFailed,
	fault.Expired:         wire.StatusAuthnFailed,
	fault.Exhausted:       wire.StatusResponder,
	fault.Internal:        wire.StatusResponder,
}

// status is what a service provider hears of an error. A request that may show nothing is told so; of one that may, whoever
// was asked for has not come.
func (h *Handler) status(ctx context.Context, t *target, err error) wire.Status {
	f := fault.Of(err)
	if f.Kind == fault.Internal {
		if sqldb.IsUnavailable(err) {
			h.Log.WarnContext(ctx, "saml: the database cannot be reached", "error", err)
			return wire.StatusResponder.Saying("The service cannot answer now")
		}
		h.Log.ErrorContext(ctx, "saml: request failed", "error", err)
		return wire.StatusResponder.Saying("Something went wrong")
	}
	s, ok := statuses[f.Code]
	switch {
	case !ok:
		s = kinds[f.Kind]
	case s == wire.StatusNoPassive && !t.Passive && t.Subject != nil:
		s = wire.StatusUnknownPrincipal
	case s == wire.StatusNoPassive && !t.Passive:
		s = wire.StatusAuthnFailed
	}
	return s.Saying(f.Text)
}

// page says what is wrong to the person, where nobody may be answered.
func (h *Handler) page(w http.ResponseWriter, r *http.Request, err error) {
	w.Header()["Cache-Control"] = noStore
	f := fault.Of(err)
	switch {
	case f.Kind == fault.Internal:
		h.Pages.Fault(w, r, err)
	case f.Kind == fault.NotFound:
		h.Pages.Error(w, r, http.StatusNotFound, web.Problem{Code: errNoAddress.Code})
	case f.Code == interaction.ErrCancelled.Code:
		h.Pages.Error(w, r, http.StatusForbidden, web.Problem{Code: f.Code})
	default:
		h.Pages.Error(w, r, http.StatusBadRequest, web.Problem{Code: f.Code, Detail: f.Text, About: web.AboutApplication})
	}
}

func isNotFound(err error) bool { return fault.Is(err, fault.NotFound) }

// unknown makes of a missing service provider the refusal of the door.
func unknown(err error) error {
	if fault.Is(err, fault.NotFound) {
		return errUnknown.Because(err)
	}
	return err
}

var noStore = []string{"no-store"}
