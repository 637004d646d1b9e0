package client

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Party is somebody who asks or owns: a person by sub, a member by membership id, or a group by its id or key. It is a
// text, such as user:usr_…, so that it can stand in a column of the application's own table.
type Party string

// The kinds of parties that searches answer in.
const (
	AsUser   Kind = "user"
	AsMember Kind = "member"
)

// Kind is the word before a Party's colon.
type Kind string

// User is a person, by sub.
func User(sub string) Party { return Party("user:" + sub) }

// Member is a membership, by its id (mbr_…).
func Member(id string) Party { return Party("member:" + id) }

// Group is a group, by its id (grp_…) or its key.
func Group(id string) Party { return Party("group:" + id) }

// Kind is user, member or group.
func (p Party) Kind() Kind { kind, _, _ := strings.Cut(string(p), ":"); return Kind(kind) }

// ID is what stands after the kind.
func (p Party) ID() string { _, id, _ := strings.Cut(string(p), ":"); return id }

// Question asks whether somebody may do something with one record, or, where there is no owner, in a module at all.
type Question struct {
	Organization string // slug; Config.Organization if empty
	Subject      Party  // User or Member
	Action       string // view, create, edit, delete, or a tool of the module
	Module       string
	ID           string // of the record, in the application's own words; the service only writes it into explanations
	Owner        Party  // whose record it is. Of create, none means: the subject's own
	Segment      string
	Field        string // with view and edit: of that field
	NewOwner     Party  // with edit: whose it will be; the records of an archived member demand one

	// Explain asks for Decision.Explanation, in Language (en, nb, sv, de). Such an answer is never a remembered one.
	Explain  bool
	Language string
	// Fields asks for Decision.Fields.
	Fields bool
}

// Decision is the answer to a Question. The zero Decision allows nothing.
type Decision struct {
	Allowed bool
	Reason  string    // the deciding fact in one word: owner, role_above, not_shared, …
	Version string    // of the organization's access model
	Until   time.Time // when it may change by the clock; zero for never

	Fields      map[string]string // field: hidden, read_only, editable
	Explanation *Explanation
}

// Explanation says why, in sentences and as data.
type Explanation struct {
	Language string
	Text     []string
	Facts    []any // the chain of facts that allows
	Needed   []any // for a denial: what would have been needed
}

func (q *Question) check() error {
	switch {
	case q.Subject.Kind() != AsUser && q.Subject.Kind() != AsMember || q.Subject.ID() == "":
		return fmt.Errorf("%w: the subject %q is neither a user nor a member", ErrQuestion, q.Subject)
	case q.Action == "":
		return fmt.Errorf("%w: no action", ErrQuestion)
	}
	return q.checkResource()
}

func (q *Question) checkResource() error {
	if q.Module == "" {
		return fmt.Errorf("%w: no module", ErrQuestion)
	}
	for _, p := range []Party{q.Owner, q.NewOwner} {
		if kind := p.Kind(); p != "" && (kind != AsUser && kind != AsMember && kind != "group" || p.ID() == "") {
			return fmt.Errorf("%w: the owner %q is neither a user, a member nor a group", ErrQuestion, p)
		}
	}
	return nil
}

// key tells questions apart in the cache. Each part has its length before it, so that no two questions share a key
// (TestKeysOfDifferentQuestionsDiffer). The id of the record decides nothing and is not in it.
func (q *Question) key(what string) string {
	var b []byte
	for _, part := range []string{what, string(q.Subject), q.Action, q.Module, string(q.Owner), q.Segment, q.Field, string(q.NewOwner), strconv.FormatBool(q.Fields)} {
		b = strconv.AppendInt(b, int64(len(part)), 10)
		b = append(append(b, ':'), part...)
	}
	return string(b)
}

// The wire: AuthZEN Authorization API 1.0 §5 and §6.
type (
	wireEntity struct {
		Type       string            `json:"type"`
		ID         string            `json:"id,omitempty"`
		Properties map[string]string `json:"properties,omitempty"`
	}
	wireAction struct {
		Name string `json:"name"`
	}
	wireContext struct {
		Organization string `json:"organization,omitempty"`
		Explain      bool   `json:"explain,omitempty"`
		Fields       bool   `json:"fields,omitempty"`
		Language     string `json:"language,omitempty"`
	}
	wirePage struct {
		Token string `json:"token,omitempty"`
		Limit int    `json:"limit,omitempty"`
	}
	wireRequest struct {
		Subject  *wireEntity  `json:"subject,omitempty"`
		Action   *wireAction  `json:"action,omitempty"`
		Resource *wireEntity  `json:"resource,omitempty"`
		Context  *wireContext `json:"context,omitempty"`
		Page     *wirePage    `json:"page,omitempty"`
	}
	wireBatch struct {
		Context     *wireContext  `json:"context,omitempty"`
		Evaluations []wireRequest `json:"evaluations"`
		Options     wireOptions   `json:"options"`
	}
	wireOptions struct {
		Semantic string `json:"evaluations_semantic"`
	}
)

// noRecord is the id of a resource that is a module as a whole: AuthZEN demands one.
const noRecord = "*"

func (q *Question) wire(organization string) wireRequest {
	resource := &wireEntity{Type: q.Module, ID: q.ID, Properties: map[string]string{}}
	set(&resource.ID, noRecord)
	for name, value := range map[string]string{"owner": string(q.Owner), "segment": q.Segment, "field": q.Field, "new_owner": string(q.NewOwner)} {
		if value != "" {
			resource.Properties[name] = value
		}
	}
	r := wireRequest{Resource: resource, Context: &wireContext{Organization: organization, Explain: q.Explain, Fields: q.Fields}}
	if q.Explain {
		r.Context.Language = q.Language
	}
	if q.Subject != "" {
		r.Subject = &wireEntity{Type: string(q.Subject.Kind()), ID: q.Subject.ID()}
	}
	if q.Action != "" {
		r.Action = &wireAction{q.Action}
	}
	return r
}
