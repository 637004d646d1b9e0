package account

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"portvakt/idp/credential"
	"portvakt/idp/interaction"
	"portvakt/idp/session"
	pages "portvakt/idp/web"
	"portvakt/internal/actor"
	"portvakt/internal/directory"
	"portvakt/internal/fault"
	"portvakt/internal/mail"
	"portvakt/internal/outbox"
	"portvakt/internal/sqldb"
	"portvakt/internal/web"
)

// The addresses of the person's passkeys and security keys.
const (
	pathKeys   = "/account/keys"
	pathNewKey = "/account/webauthn/options"
)

var errConfirmFirst = fault.New(fault.Forbidden, "confirm_first", "Sign in again first")

// keyNotices are the messages that an action may leave behind in the address.
var keyNotices = map[string]pages.Notice{
	"key-added": pages.NoticeKeyAdded, "key-removed": pages.NoticeKeyRemoved, "key-renamed": pages.NoticeKeyRenamed,
}

func (a *Account) showKeys(w http.ResponseWriter, r *http.Request) {
	current, ok := a.signedIn(w, r)
	if !ok {
		return
	}
	a.keys(w, r, current, pages.KeysView{Frame: pages.Frame{Notice: keyNotices[web.One(r.URL.Query(), "done")]}})
}

// keys shows the page with what the view has to say.
func (a *Account) keys(w http.ResponseWriter, r *http.Request, current session.Session, v pages.KeysView) {
	if err := a.fillKeys(r, current, &v); err != nil {
		a.pages.Fault(w, r, err)
		return
	}
	a.pages.Keys(w, r, v)
}

func (a *Account) fillKeys(r *http.Request, current session.Session, v *pages.KeysView) error {
	u, err := a.dir.Users.ByID(r.Context(), current.User)
	if err != nil {
		return err
	}
	keys, err := a.credentials.Keys(r.Context(), current.User)
	if err != nil {
		return err
	}
	for _, k := range keys {
		v.Keys = append(v.Keys, pages.Key{ID: k.ID.String(), Name: k.Name, Passkey: k.Passkey, Synced: k.Synced, Made: k.CreatedAt, Used: k.UsedAt})
	}
	shown := v.Frame
	v.Frame = a.frame(r, current, u)
	v.Notice, v.Status = shown.Notice, shown.Status
	v.Back = web.CarryLanguage(r, pathAccount)
	if v.NewName == "" {
		v.NewName = device(r.UserAgent())
	}
	if v.Passkey, err = a.toRegister(r, current.User, pathNewKey); v.Passkey == nil {
		return err
	}
	accepted, err := a.credentials.Accepted(r.Context(), current.User)
	if err != nil || accepted.Handle == "" {
		return err
	}
	text, err := json.Marshal(accepted)
	v.Accepted = string(text)
	return err
}

// keysBound is what the account's ceremonies are bound to: the session, by its cookie and its id.
func (a *Account) keysBound(r *http.Request, current session.Session) string {
	value, _ := a.sessions.Cookies().Value(r, a.sessions.Cookies().Session)
	return value + " account " + current.ID.String()
}

// newKey answers a challenge to the page's script.
func (a *Account) newKey(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		a.pages.Error(w, r, http.StatusMethodNotAllowed, web.Problem{Code: "method_not_allowed"})
		return
	}
	c, location, err := a.challenge(w, r)
	if err != nil {
		if fault.Is(err, fault.Internal) {
			a.log.ErrorContext(r.Context(), "no challenge was made", "error", err)
		}
		web.RefuseJSON(w, err, location)
		return
	}
	web.WriteJSON(w, http.StatusOK, c)
}

func (a *Account) challenge(w http.ResponseWriter, r *http.Request) (c credential.Challenge, location string, err error) {
	var q struct {
		Interaction string `json:"i"`
		CSRF        string `json:"csrf"`
		Purpose     string `json:"purpose"`
	}
	if err := web.ReadJSON(w, r, &q); err != nil {
		return c, "", err
	}
	current, ok, err := a.sessions.Current(r)
	if err != nil {
		return c, "", err
	}
	if !ok {
		return c, pathSignIn, session.ErrStaleEvidence
	}
	value, _ := a.sessions.Cookies().Value(r, a.sessions.Cookies().Session)
	if !a.forms.Valid(value, "account "+current.ID.String(), q.CSRF) {
		return c, "", interaction.ErrFormExpired
	}
	if q.Purpose != "passkey" && q.Purpose != "security_key" {
		return c, "", web.ErrBadJSON
	}
	if ok, err = a.interactions.Fresh(r, current); err != nil {
		return c, "", err
	}
	if !ok {
		if location, err = a.interactions.StepUp(w, r, current, pathKeys); err == nil {
			err = errConfirmFirst
		}
		return c, location, err
	}
	u, err := a.dir.Users.ByID(r.Context(), current.User)
	if err != nil {
		return c, "", err
	}
	c, err = a.credentials.BeginRegistration(r.Context(), credential.NewKey{
		User: current.User, Passkey: q.Purpose == "passkey", Account: u.Email.Address, Name: u.Details.Name(), Bound: a.keysBound(r, current),
	})
	return c, "", err
}

// changeKeys adds, renames or removes a key.
//
// Invariant: no key is added, renamed or removed but shortly after a sign-in as strong as the person's own
// (TestWall94_KeysNeedAFreshSignIn).
func (a *Account) changeKeys(w http.ResponseWriter, r *http.Request) {
	current, ok := a.signedIn(w, r)
	if !ok {
		return
	}
	if !a.formed(r, current) {
		a.keys(w, r, current, pages.KeysView{Frame: pages.Frame{Notice: pages.NoticeFormExpired, Status: http.StatusForbidden}})
		return
	}
	if !a.fresh(w, r, current, pathKeys) {
		return
	}
	r = r.WithContext(actor.AsPerson(r.Context(), current.User.String()))
	var codes []string
	var err error
	done := ""
	if web.One(r.PostForm, "action") == pages.ActionAddKey {
		done = "key-added"
		codes, err = a.addKey(w, r, current)
	} else {
		done, err = a.changeKey(r, current)
	}
	switch {
	case err != nil && !errors.Is(err, credential.ErrKeyNotFound): // removed in another window: the list shows it
		a.keyRefused(w, r, current, err)
	case len(codes) > 0:
		if err := a.showCodes(w, r, current, newCodes{codes, pathKeys + "?done=" + done}); err != nil {
			a.pages.Fault(w, r, err)
		}
	default:
		web.SeeOther(w, r, pathKeys+"?done="+done)
	}
}

// keyRefused shows the page with what was wrong.
func (a *Account) keyRefused(w http.ResponseWriter, r *http.Request, current session.Session, err error) {
	v := pages.KeysView{Frame: pages.Frame{Status: web.Status(err)}}
	notice, known := interaction.KeyNotice(err)
	switch {
	case errors.Is(err, credential.ErrKeyName):
		v.Notice, v.Problem = pages.NoticeNotSaved, pages.ProblemKeyName
	case errors.Is(err, errFactorNeeded):
		v.Notice = pages.NoticeFactorNeeded
	case known:
		v.Notice = notice
	default:
		a.pages.Fault(w, r, err)
		return
	}
	a.keys(w, r, current, v)
}

// addKey stores the key, with recovery codes where there are none yet, and steps the session up by it.
func (a *Account) addKey(w http.ResponseWriter, r *http.Request, current session.Session) ([]string, error) {
	proven, err := a.credentials.ProveKey(r.Context(), current.User, credential.Answer{
		Ceremony: web.One(r.PostForm, "ceremony"), Credential: web.One(r.PostForm, "credential"), Bound: a.keysBound(r, current),
	}, web.One(r.PostForm, "name"))
	if err != nil {
		return nil, err
	}
	return a.enrolled(w, r, current, func(tx *sqldb.Tx) (credential.Evidence, error) {
		return a.credentials.EnrolKey(r.Context(), tx, proven)
	})
}

// changeKey does what the button says, and answers what was done.
func (a *Account) changeKey(r *http.Request, current session.Session) (done string, err error) {
	id, err := credential.ParseKeyID(web.One(r.PostForm, "key"))
	if err != nil {
		return "", credential.ErrKeyNotFound
	}
	switch web.One(r.PostForm, "action") {
	case pages.ActionRenameKey:
		done, err = "key-renamed", a.credentials.RenameKey(r.Context(), current.User, id, web.One(r.PostForm, "name"))
	case pages.ActionRemoveKey:
		done, err = "key-removed", a.removeKey(r.Context(), current.User, id)
	}
	if err != nil {
		done = ""
	}
	return done, err
}

// removeKey takes a key away.
//
// Invariant: whoever is bound to have a second factor keeps the last one, also where two are removed at once
// (TestTheLastKeyStays).
func (a *Account) removeKey(ctx context.Context, user directory.UserID, id credential.KeyID) error {
	return a.db.Update(ctx, func(tx *sqldb.Tx) error {
		if err := a.credentials.RemoveKey(ctx, tx, user, id); err != nil {
			return err
		}
		has, err := a.credentials.Of(ctx, tx, user)
		if err != nil || has.SecondFactor() {
			return err
		}
		return a.mayDoWithout(ctx, tx, user)
	})
}

// tellKeyChanged tells the person, in case it was somebody else.
func (a *Account) tellKeyChanged(change mail.KeyChange) func(context.Context, outbox.Event) error {
	return func(ctx context.Context, e outbox.Event) error {
		u, st, at, err := a.told(ctx, e)
		if err != nil {
			return gone(err)
		}
		var about credential.KeyEvent
		if err := json.Unmarshal(e.Data, &about); err != nil {
			return err
		}
		what := change
		if about.Instead {
			what = mail.KeyInstead
		}
		return a.sender.Send(ctx, a.texts.KeyChanged(mail.KeyChanged{
			Recipient: recipient(u, st), Change: what, At: at, KeyName: about.Name, AccountURL: a.cfg.Issuer + pathKeys,
		}))
	}
}
