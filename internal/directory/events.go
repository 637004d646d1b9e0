package directory

// Events that people are written to about, beside those of the nouns; internal/notice decides to whom.
const (
	EventMembershipEnding = "membership.ending"      // the end is Days away
	EventFunctionVacant   = "function.vacant"        // the holder's end came by itself: Membership, Function
	EventAgencyLeft       = "membership.agency_left" // a reseller no longer comes from the agency; ended just now
	EventEndingPending    = "ending.pending"         // nobody has chosen yet who takes over: Membership
)

// NoticeEvent is what an event says that people are written to about. It names who and what by id; what is said of them
// is read when the mail is written.
type NoticeEvent struct {
	Organization string   `json:"organization"`
	Membership   string   `json:"membership,omitempty"` // whom it is about
	User         string   `json:"user,omitempty"`
	Function     Function `json:"function,omitempty"`
	Feature      string   `json:"feature,omitempty"` // the key
	PriceLabel   string   `json:"price_label,omitempty"`
	Seats        int64    `json:"seats,omitempty"`
	Domain       string   `json:"domain,omitempty"`
	Reason       string   `json:"reason,omitempty"`
	Days         int      `json:"days,omitempty"` // until End
	End          int64    `json:"end,omitempty"`  // microseconds UTC; exclusive
	// Quiet says that nobody is to be written to.
	Quiet bool `json:"quiet,omitempty"`
}
