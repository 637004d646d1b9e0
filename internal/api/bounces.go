package api

import (
	"net/http"

	"portvakt/internal/fault"
)

const (
	maxAddress = 320
	maxReason  = 500
)

var (
	errNotInstallation = fault.New(fault.Forbidden, "not_the_installations", "Only an application of the installation reports on its mail")
	errNoAddress       = fault.New(fault.Invalid, "missing", "The address is missing").On("address")
)

// bounced takes notice of a mail that came back. The answer is the same for known and unknown addresses.
func (x *exchange) bounced() error {
	if !x.caller.Installation || !x.caller.Organization.IsZero() {
		return errNotInstallation
	}
	o, err := x.readObject("address", "reason")
	if err != nil {
		return err
	}
	address, err := o.text("address", maxAddress)
	if err != nil {
		return err
	}
	if address == "" {
		return errNoAddress
	}
	reason, err := o.text("reason", maxReason)
	if err != nil {
		return err
	}
	if err := x.h.Bounces.Bounced(x.ctx, address, reason); err != nil && fault.Is(err, fault.Internal) {
		return err
	}
	return x.answer(http.StatusAccepted, struct{}{})
}
