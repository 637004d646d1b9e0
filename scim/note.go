package scim

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"portvakt/internal/actor"
	"portvakt/internal/directory"
)

const (
	maxFailed    = 10  // operations of a bulk request that are told of
	maxChanged   = 40  // names
	maxReason    = 300 // bytes
	maxUserAgent = 64
)

// note is what is known of a request for the log, gathered on its way.
type note struct {
	http.ResponseWriter // notes the status

	began   time.Duration
	at      time.Time
	use     directory.TokenUse
	status  int
	why     refusal
	changed []string
	ops     int
	failed  []directory.FailedOperation
}

// WriteHeader notes the first status that is one of an answer.
func (n *note) WriteHeader(status int) {
	if n.status == 0 && status >= 200 {
		n.status = status
	}
	n.ResponseWriter.WriteHeader(status)
}

// Write is the answer's body; without a status before it, it is 200.
func (n *note) Write(b []byte) (int, error) {
	if n.status == 0 {
		n.status = http.StatusOK
	}
	return n.ResponseWriter.Write(b)
}

// Unwrap is for http.ResponseController.
func (n *note) Unwrap() http.ResponseWriter { return n.ResponseWriter }

// watch begins a note of the request.
func (x *exchange) watch() {
	x.note = &note{ResponseWriter: x.w, began: x.h.db.Elapsed(), at: x.h.db.Now()}
	x.w = x.note
}

// noteUse says what the request came with; an operation of a bulk request, which has no note, came with nothing.
func (x *exchange) noteUse(use directory.TokenUse) {
	if x.note != nil {
		x.note.use = use
	}
}

// noteChange says what a member was and is.
func (x *exchange) noteChange(was, is *directory.Member) {
	if x.note == nil {
		return
	}
	x.note.changed = nil
	for _, name := range directory.ChangedFields(was, is) {
		shown, renamed := changedNames[name]
		if !renamed {
			if shown, renamed = names[name]; !renamed {
				shown = name
			}
		}
		if shown != "" && !slices.Contains(x.note.changed, shown) && len(x.note.changed) < maxChanged {
			x.note.changed = append(x.note.changed, shown)
		}
	}
}

// noteGroupChange says what a group was and is, and whether members came or went.
func (x *exchange) noteGroupChange(was, is *directory.Group, moved bool) {
	if x.note == nil {
		return
	}
	x.note.changed = nil
	for _, c := range []struct {
		name    string
		changed bool
	}{{"displayName", was.Name != is.Name}, {"externalId", was.ExternalID != is.ExternalID}, {"members", moved}} {
		if c.changed {
			x.note.changed = append(x.note.changed, c.name)
		}
	}
}

// changedNames are SCIM's words for what a change alters, "" for what no client has written.
var changedNames = map[string]string{
	"suspended_at": "active", "user": "", "accepted_at": "", "accept_by": "", "invited_by": "", "provisioning_client": "",
	"manager_text": "manager", "email": "emails", "reseller_role": "reseller.role", "bank_access": "reseller.bankAccess",
	"user_administration": "reseller.userAdministration",
}

// noteOperation says what became of an operation of a bulk request; the first is number 1. s is the operation as a request of its
// own, which has the body that a refusal may repeat; path begins behind the organization.
func (x *exchange) noteOperation(number int, s *exchange, path string, err error) {
	n := x.note
	if n == nil {
		return
	}
	n.ops++
	if err == nil || len(n.failed) == maxFailed {
		return
	}
	r := toRefusal(err)
	n.failed = append(n.failed, directory.FailedOperation{Number: number, Method: shownMethod(s.r.Method), Path: x.h.shownPath(strings.Split(path, "/")[1:]),
		Status: r.Status, Code: string(r.ScimType), Reason: s.shownReason(r.Detail)})
}

// log hands the note on. It is the last that a request does, a panicking one too, and it waits for nothing.
func (x *exchange) log() {
	n := x.note
	if n.status == 0 { // every way ends with an answer, so this is a panic
		n.status = http.StatusInternalServerError
	}
	refused := n.status >= http.StatusBadRequest || len(n.failed) > 0
	if x.client.ID.IsZero() && n.use == (directory.TokenUse{}) || !x.h.requests.admits(logSort{x.client.ID, refused}) {
		return
	}
	a := actor.From(x.ctx)
	r := directory.NewProvisioningRequest{Use: n.use}
	r.Client, r.At, r.Duration, r.Status, r.Changed = x.client.ID, n.at, x.h.db.Elapsed()-n.began, n.status, n.changed
	r.RequestID, r.Address, r.UserAgent = a.RequestID, a.Address, shownAgent(x.r.UserAgent())
	r.Method, r.Operations, r.Failed = shownMethod(x.r.Method), n.ops, n.failed
	r.Path, r.Object = x.target()
	r.Query = x.shownQuery()
	if n.status >= http.StatusBadRequest {
		r.Code, r.Reason = string(n.why.ScimType), x.shownReason(n.why.Detail)
		if x.client.ID.IsZero() && n.status == http.StatusUnauthorized {
			r.Reason = "The token has ended, or its client or organization is switched off"
		}
		r.Shape = x.shownBody()
	}
	x.h.requests.add(r)
}

// target is the path behind the organization, and which member or group it was about. A path of another organization is not
// shown: it may say that there is one.
func (x *exchange) target() (path, object string) {
	slug, segments, ok := segments(x.r.URL)
	if !ok || !x.client.ID.IsZero() && slug != x.client.Slug {
		return "", ""
	}
	for _, s := range segments {
		if isObject(s) {
			object = s
		}
	}
	if _, made, ok := strings.Cut(x.w.Header().Get("Location"), x.base()+"/"); ok {
		if _, id, _ := strings.Cut(made, "/"); isObject(id) {
			object = id
		}
	}
	return x.h.shownPath(segments), object
}

func isObject(s string) bool {
	_, err := directory.ParseMembershipID(s)
	if err != nil {
		_, err = directory.ParseGroupID(s)
	}
	return err == nil
}

// shownPath is a path of which only our own words and identifiers are shown: clients put e-mail addresses there.
func (h *Handler) shownPath(segments []string) string {
	var b strings.Builder
	for _, s := range segments {
		if !isObject(s) && !h.isOwnWord(s) {
			s = "…"
		}
		if b.WriteString("/" + s); b.Len() > 200 {
			return "/…"
		}
	}
	return b.String()
}

func (h *Handler) isOwnWord(s string) bool {
	return h.schemas.attributes[s] != nil || s == "User" || s == "Group" ||
		slices.ContainsFunc(h.routes, func(r route) bool { return slices.Contains(strings.Split(r.pattern, "/"), s) && s != "" })
}

// shownAgent are the first products of a User-Agent (RFC 9110 §10.1.5), without comments.
func shownAgent(s string) string {
	var out []string
	depth := 0
	for _, word := range strings.Fields(s[:min(len(s), 512)]) {
		opens := strings.Count(word, "(")
		if depth == 0 && opens == 0 && isProduct(word) && len(out) < 3 {
			out = append(out, word)
		}
		depth = max(0, depth+opens-strings.Count(word, ")"))
	}
	text := strings.Join(out, " ")
	return text[:min(len(text), maxUserAgent)]
}

func isProduct(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-._/+", r))
	})
}

func shownMethod(m string) string {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return m
	}
	return "…"
}

// shownQuery is the shape of what the URL asks for. Names that nobody has made for SCIM are left out: some hold secrets.
func (x *exchange) shownQuery() string {
	query, err := url.ParseQuery(x.r.URL.RawQuery[:min(len(x.r.URL.RawQuery), maxURL)])
	if err != nil {
		return "…"
	}
	var parts []string
	for _, name := range []string{"filter", "sortBy", "sortOrder", "startIndex", "count", "cursor", "attributes", "excludedAttributes"} {
		if query.Has(name) {
			parts = append(parts, name+"="+shownParameter(name, query.Get(name)))
		}
	}
	return shorten(strings.Join(parts, "&"), 512)
}

func shownParameter(name, value string) string {
	switch name {
	case "filter":
		return filterShape(value)
	case "startIndex", "count":
		if len(value) < 10 && strings.Trim(value, "0123456789") == "" {
			return value
		}
	case "sortBy", "sortOrder", "attributes", "excludedAttributes":
		list := strings.Split(value, ",")
		for i, v := range list {
			list[i] = shownName(strings.TrimSpace(v))
		}
		return strings.Join(list, ",")
	}
	return "…"
}
