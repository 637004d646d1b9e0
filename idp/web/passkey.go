package web

import (
	"net/http"
	"time"
)

const webauthnScript = "webauthn.js"

// The values of the field action of forms about passkeys and security keys.
const (
	ActionUsePasskey = "use-passkey"
	ActionAddKey     = "add-passkey"
	ActionRenameKey  = "rename-key"
	ActionRemoveKey  = "remove-key"
)

// Ceremony is what a page's script needs to have the browser use or make a passkey or security key. Its form sends the
// fields action, ceremony and credential; the button use-passkey or add-passkey shows only where the browser can do it.
type Ceremony struct {
	Purpose string // passkey, second_factor, register; the account's page says passkey or security_key by its buttons
	Options string // address of the challenge
	Suggest bool   // among the suggestions of the field for the e-mail or the password
	Unknown string // a passkey that the browser should forget: it is not registered here
	Party   string // the domain that passkeys belong to
	// Attested: to register, only keys that their maker vouches for; the page says so.
	Attested bool
}

// Key is one passkey or security key of the person.
type Key struct {
	ID      string // value of the field key
	Name    string // given by the person; may be empty
	Passkey bool
	Synced  bool // there are copies of it in the person's other devices
	Made    time.Time
	Used    time.Time // zero: never
}

// KeysView lists the person's passkeys and security keys. For each of them: field name and buttons rename (action=rename-key)
// and remove (action=remove-key), with the field key; ids end in the key's place from the second on. To add one: field
// name, buttons add-passkey and add-security-key, which need the script.
type KeysView struct {
	Frame
	Keys     []Key
	Passkey  *Ceremony // nil where none can be added
	Accepted string    // JSON for the browser's own list of passkeys
	NewName  string    // proposed for a new one
	Problem  FieldProblem
	Back     string // address of the account page
}

// Keys writes the page keys.
func (p *Pages) Keys(w http.ResponseWriter, r *http.Request, v KeysView) {
	p.write(w, r, shown{"keys", v.Frame, v, ""})
}
