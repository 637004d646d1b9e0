package interaction

import (
	"encoding/json"
	"time"

	"portvakt/idp/credential"
	"portvakt/idp/session"
	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
)

const (
	lifetime   = time.Hour // a mailed link may be used within
	maxRequest = 32 * 1024
	maxNeeds   = 8 * 1024
)

// conversation is a stored interaction.
type conversation struct {
	ID          ID
	BrowserHash []byte
	Application directory.ApplicationID // zero: the person came on their own, to the account page
	Request     json.RawMessage
	Demand      demand
	State       state
	User        directory.UserID // who it is about, once proven
	Session     session.ID       // the session that it goes by, once there is one
	Version     int64
	CreatedAt   time.Time
	ExpiresAt   time.Time
	DoneAt      time.Time
}

// demand is the unchanging part.
type demand struct {
	Protocol    string `json:"protocol,omitempty"`
	Grant       string `json:"grant,omitempty"`
	RedirectURI string `json:"redirect_uri,omitempty"`
	Needs       Needs  `json:"needs"`
}

// state is what has been said and proven so far.
type state struct {
	Email      string                 `json:"email,omitempty"`    // as typed
	Mailed     bool                   `json:"mailed,omitempty"`   // a link was asked for
	Evidence   credential.Evidence    `json:"evidence,omitzero"`  // proven, but not a session (yet)
	Before     session.ID             `json:"before,omitzero"`    // the browser's session when the conversation began
	Again      bool                   `json:"again,omitempty"`    // Before does not suffice, whatever the request says
	Return     string                 `json:"return,omitempty"`   // the page of ours to end at; "": the account
	Membership directory.MembershipID `json:"member,omitzero"`    // chosen by the person
	Invitation directory.MembershipID `json:"invited,omitzero"`   // being looked at
	Gone       bool                   `json:"gone,omitempty"`     // an invitation was not there any more when it was answered
	Consented  directory.MembershipID `json:"consented,omitzero"` // under which the person has agreed, in this conversation

	StepUp  bool   `json:"step_up,omitempty"` // Again, but all that Before lacks is a factor
	Carried bool   `json:"carried,omitempty"` // the password of Before was looked at, and carried on where it was fresh
	Want    string `json:"want,omitempty"`    // the class that one of our own pages wants
	Way     string `json:"way,omitempty"`     // of somebody without a second factor: wayMail or wayApp, "" not chosen
	Key     string `json:"key,omitempty"`     // sealed: an authenticator that is being set up
	Codes   []byte `json:"codes,omitempty"`   // sealed: recovery codes to be shown before anything else

	CodeSent bool `json:"code_sent,omitempty"` // a code was mailed for this conversation
}

// unchoose forgets what was decided, because somebody else, or a new session, decides now.
func (s *state) unchoose() {
	s.Membership, s.Invitation, s.Consented = directory.MembershipID{}, directory.MembershipID{}, directory.MembershipID{}
}

func (s *Service) newConversation(browserHash []byte, now time.Time) *conversation {
	return &conversation{
		ID: sqldb.NewID[interactionPrefix](now), BrowserHash: browserHash, Request: json.RawMessage("null"), Version: 1,
		CreatedAt: now, ExpiresAt: now.Add(lifetime),
	}
}

// open reports whether the conversation can go on.
func (c *conversation) open(now time.Time) bool { return c.DoneAt.IsZero() && now.Before(c.ExpiresAt) }
