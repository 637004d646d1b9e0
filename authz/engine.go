package authz

import (
	"context"

	"portvakt/internal/directory"
)

// Facts is what evaluation needs to read; directory.Access is it.
type Facts interface {
	Of(ctx context.Context, org directory.OrganizationID, member directory.MembershipID) (directory.AccessFacts, error)
}

// Engine evaluates members by what the directory says at the moment of asking: one statement, nothing kept, so an answer
// is never older than the question.
type Engine struct{ facts Facts }

// New makes an engine.
func New(facts Facts) *Engine { return &Engine{facts} }

// ClaimsOf are what applications are told about how the member stands.
func (e *Engine) ClaimsOf(ctx context.Context, s directory.Standing) (Claims, error) {
	f, err := e.facts.Of(ctx, s.Organization, s.Membership)
	if err != nil {
		return Claims{}, err
	}
	return Evaluate(f), nil
}

// Permissions are what the member may do, module by module.
func (e *Engine) Permissions(ctx context.Context, s directory.Standing) (map[string]Permission, error) {
	f, err := e.facts.Of(ctx, s.Organization, s.Membership)
	if err != nil {
		return nil, err
	}
	return Permissions(f), nil
}
