package main

import (
	"encoding/json"
	"errors"
	"log"
	"net/http"
	"strconv"
	"strings"

	"portvakt/authz/client"
)

// app answers:
//
//	GET  /invoices            those that the person may see, and for each whether they may edit it
//	POST /invoices            a new one, the person's own unless it names an owner
//	PUT  /invoices/{number}   another amount
type app struct {
	ask      *client.Client
	invoices *invoices
}

const module = "invoices" // as the installation's seed file calls it

func (a *app) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /invoices", a.signedIn(a.list))
	mux.HandleFunc("POST /invoices", a.signedIn(a.create))
	mux.HandleFunc("PUT /invoices/{number}", a.signedIn(a.edit))
	return mux
}

// person is who asks, and in which organization. Every statement and every question names that organization.
type person struct {
	party        client.Party
	organization string
}

type handler func(w http.ResponseWriter, r *http.Request, p person) error

// signedIn lets nobody in without a valid access token that belongs to an organization.
func (a *app) signedIn(next handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		bearer, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		token, err := a.ask.Verify(r.Context(), bearer)
		if err == nil && token.Organization == "" {
			err = client.ErrToken // signed in, but not for the scope organization
		}
		if err == nil {
			err = next(w, r, person{client.User(token.Subject), token.Organization})
		}
		if err != nil {
			fail(w, err)
		}
	}
}

var (
	errForbidden = errors.New("not allowed")
	errMalformed = errors.New("malformed")
)

// fail answers an error. What is no clear refusal is trouble, and trouble never lets anybody through.
func fail(w http.ResponseWriter, err error) {
	status := http.StatusServiceUnavailable
	switch {
	case errors.Is(err, client.ErrToken):
		w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		status = http.StatusUnauthorized
	case errors.Is(err, errForbidden):
		status = http.StatusForbidden
	case errors.Is(err, errNotFound):
		status = http.StatusNotFound
	case errors.Is(err, errMalformed):
		status = http.StatusBadRequest
	default:
		log.Print(err)
	}
	http.Error(w, http.StatusText(status), status)
}

// list is the heart of it: the service says which owners and segments the person may see, the database does the rest.
func (a *app) list(w http.ResponseWriter, r *http.Request, p person) error {
	may := client.Question{Organization: p.organization, Subject: p.party, Action: "view", Module: module}
	visible, err := a.ask.Filter(r.Context(), may)
	if err != nil {
		return err
	}
	may.Action = "edit"
	editable, err := a.ask.Filter(r.Context(), may)
	if err != nil {
		return err
	}
	found, err := a.invoices.list(r.Context(), p.organization, visible)
	if err != nil {
		return err
	}
	for i := range found {
		found[i].MayEdit = editable.Allows(found[i].Owner, found[i].Segment)
	}
	return answer(w, http.StatusOK, found)
}

func (a *app) create(w http.ResponseWriter, r *http.Request, p person) error {
	var in invoice
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<16)).Decode(&in); err != nil {
		return errors.Join(errMalformed, err)
	}
	if in.Owner == "" {
		in.Owner = p.party
	}
	if err := a.may(r, client.Question{Organization: p.organization, Subject: p.party, Action: "create", Module: module, Owner: in.Owner, Segment: in.Segment}); err != nil {
		return err
	}
	out, err := a.invoices.add(r.Context(), p.organization, in)
	if err != nil {
		return err
	}
	return answer(w, http.StatusCreated, out)
}

func (a *app) edit(w http.ResponseWriter, r *http.Request, p person) error {
	number, err := strconv.ParseInt(r.PathValue("number"), 10, 64)
	if err != nil {
		return errNotFound
	}
	var in invoice
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<16)).Decode(&in); err != nil {
		return errors.Join(errMalformed, err)
	}
	is, err := a.invoices.byNumber(r.Context(), p.organization, number)
	if err != nil {
		return err
	}
	question := client.Question{Organization: p.organization, Subject: p.party, Module: module, ID: r.PathValue("number"), Owner: is.Owner, Segment: is.Segment}
	question.Action = "view"
	if err := a.may(r, question); errors.Is(err, errForbidden) {
		return errNotFound // whoever may not see it does not learn that it is there
	} else if err != nil {
		return err
	}
	question.Action = "edit"
	if err := a.may(r, question); err != nil {
		return err
	}
	out, err := a.invoices.setAmount(r.Context(), p.organization, is, in.Amount)
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, out)
}

// may asks for a decision; nothing but a clear yes is nil.
func (a *app) may(r *http.Request, q client.Question) error {
	d, err := a.ask.Check(r.Context(), q)
	switch {
	case err != nil:
		return err
	case !d.Allowed:
		return errForbidden
	}
	return nil
}

func answer(w http.ResponseWriter, status int, body any) error {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	return json.NewEncoder(w).Encode(body)
}
