// Package actor says who is doing something: the person, client or system on whose behalf a request changes the
// directory. Doors put the actor into the context once, after authentication; the audit log reads it from there.
package actor

import "context"

// Kind is what sort of actor it is.
type Kind string

// The kinds of actors. System is the installation itself: workers, seed files, the command line.
const (
	System             Kind = "system"
	Anonymous          Kind = "anonymous"
	Person             Kind = "person"
	Operator           Kind = "operator"
	ProvisioningClient Kind = "provisioning_client"
	ServiceAccount     Kind = "service_account"
	Application        Kind = "application"
)

// Actor is who is doing it, and from where.
type Actor struct {
	Kind         Kind
	ID           string // the actor's id, "" for Anonymous; of System, whom of the operating system it obeyed: os:kari
	Name         string // what to show; never an e-mail address
	Behalf       string // the outside id of whoever it acts for, "" for itself
	Organization string // the organization's id the actor is bound to, "" if none
	RequestID    string
	Address      string // the peer's IP address
	UserAgent    string
}

type key struct{}

// With puts the actor into the context.
func With(ctx context.Context, a Actor) context.Context { return context.WithValue(ctx, key{}, a) }

// From gives the actor of the context, System where none was put.
func From(ctx context.Context) Actor {
	if a, ok := ctx.Value(key{}).(Actor); ok {
		return a
	}
	return Actor{Kind: System}
}

// AsPerson lets what is done in the context be done by a person, from where and by which request it was before.
func AsPerson(ctx context.Context, user string) context.Context {
	a := From(ctx)
	a.Kind, a.ID = Person, user
	return With(ctx, a)
}

// AddressOr is the address that attempts are counted by: the actor's, else the connection's.
func AddressOr(ctx context.Context, connection string) string {
	if a := From(ctx); a.Address != "" {
		return a.Address
	}
	return connection
}
