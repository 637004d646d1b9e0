package authz

import (
	"time"

	"portvakt/internal/directory"
)

// Question asks whether a member may do something: with one record, or, where no owner is given, in a module at all.
type Question struct {
	Subject directory.MembershipID
	Action  string // view, create, edit, delete, or a tool of the module
	Module  string // key
	// Owner is whose the record is. Zero asks about the module as a whole; of create it means that the record will be the
	// subject's own.
	Owner    Owner
	Segment  string    // key of the segment that the record lies in; "" for none
	Field    string    // whether that field may be seen or, with edit and create, changed; "" for the record
	NewOwner Owner     // who owns the record afterwards; whoever changes an archived member's records must name one (R20)
	At       time.Time // the moment that validity is judged at
}

// Owner is whom a record belongs to: exactly one member or group (R11). Zero is nobody.
type Owner struct {
	Member directory.MembershipID
	Group  directory.GroupID
}

// IsZero reports that there is no owner.
func (o Owner) IsZero() bool { return o == Owner{} }

// Decision is the answer to a Question.
type Decision struct {
	Allowed bool
	Reason  Reason
}

// Reason is the deciding fact in one word. The words are contract.
type Reason uint8

// The reasons. Only those up to ReasonShared allow.
const (
	ReasonModule    Reason = iota // the permission on the module; no record was asked about
	ReasonOwner                   // the record is the subject's own
	ReasonGroup                   // the subject is in the group that owns it
	ReasonRoleAbove               // the subject's role stands above the owner's in the same branch
	ReasonDefault                 // the module's sharing default
	ReasonShared                  // a sharing rule
	ReasonNotActive               // the subject's membership gives no access at the moment
	ReasonUnknownSubject
	ReasonUnknownModule
	ReasonUnknownAction
	ReasonUnknownOwner
	ReasonUnknownSegment
	ReasonUnknownField
	ReasonPermission    // neither profile, package nor grant allows the action
	ReasonSelfService   // a limited member, and the module is not open to them
	ReasonSegment       // the record lies in a segment that the subject does not see
	ReasonNotShared     // the record is another's, and nothing shares it so far
	ReasonOwnerArchived // the owner is archived, and no active new owner is named (R20)
	ReasonField         // the profiles hide the field, or keep it from being changed
)

// reasonWords are contract; every reason has one.
var reasonWords = [...]string{
	ReasonModule: "module", ReasonOwner: "owner", ReasonGroup: "group", ReasonRoleAbove: "role_above",
	ReasonDefault: "sharing_default", ReasonShared: "sharing_rule", ReasonNotActive: "not_active",
	ReasonUnknownSubject: "unknown_subject", ReasonUnknownModule: "unknown_module", ReasonUnknownAction: "unknown_action",
	ReasonUnknownOwner: "unknown_owner", ReasonUnknownSegment: "unknown_segment", ReasonUnknownField: "unknown_field",
	ReasonPermission: "no_permission", ReasonSelfService: "self_service", ReasonSegment: "segment",
	ReasonNotShared: "not_shared", ReasonOwnerArchived: "owner_archived", ReasonField: "field",
}

// String is the word.
func (r Reason) String() string { return reasonWords[r] }

// Allows reports whether it is a reason to allow.
func (r Reason) Allows() bool { return r <= ReasonShared }

// because is the decision that follows from a reason.
func because(r Reason) Decision { return Decision{r.Allows(), r} }
