package scim

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"

	elimity "github.com/elimity-com/scim"

	"portvakt/internal/directory"
)

// libraryCall is a request's way through elimity-com/scim: the library routes it by method and path, validates the
// straightened body against the schemas and calls one of the methods below. Its own answer is caught, because ours has
// exact dates, the schemas that a user really has, the attributes asked for, and errors that name what is wrong.
type libraryCall struct {
	x       *exchange
	version int64 // of If-Match; 0: any
	res     resource
	ops     []operation

	called bool
	member directory.Member
	err    error
}

// through sends the straightened body on; what came of it stands in x.library.
func (x *exchange) through(call libraryCall, body any) error {
	if x.id != "" {
		if _, err := x.memberID(); err != nil {
			return err
		}
	}
	call.x = x
	x.library = call
	caught, err := x.send(elimity.ResourceType{
		Name: "User", Endpoint: "/Users", Schema: x.h.schemas.core, Handler: &x.library,
		SchemaExtensions: []elimity.SchemaExtension{{Schema: x.h.schemas.enterprise}, {Schema: x.h.schemas.membership}},
	}, body)
	if err != nil {
		return err
	}
	if !x.library.called {
		return caught.refusal()
	}
	return x.library.err
}

// send gives a body to the library, as a request to resources of the type.
func (x *exchange) send(t elimity.ResourceType, body any) (*caughtAnswer, error) {
	raw := []byte(nil)
	if body != nil {
		var err error
		if raw, err = json.Marshal(body); err != nil {
			return nil, err
		}
	}
	path := t.Endpoint
	if x.id != "" {
		path += "/" + url.PathEscape(x.id)
	}
	request, err := http.NewRequestWithContext(x.ctx, x.r.Method, path, bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	server, err := elimity.NewServer(&elimity.ServerArgs{ServiceProviderConfig: &elimity.ServiceProviderConfig{}, ResourceTypes: []elimity.ResourceType{t}})
	if err != nil {
		return nil, err
	}
	caught := &caughtAnswer{header: http.Header{}}
	server.ServeHTTP(caught, request)
	return caught, nil
}

// done notes what came of the call and gives the library something to answer with.
func (c *libraryCall) done(m directory.Member, err error) (elimity.Resource, error) {
	c.called, c.member, c.err = true, m, err
	return elimity.Resource{ID: c.x.id}, err
}

// Create implements elimity.ResourceHandler.
func (c *libraryCall) Create(*http.Request, elimity.ResourceAttributes) (elimity.Resource, error) {
	return c.done(c.x.create(c.res))
}

// Get implements elimity.ResourceHandler.
func (c *libraryCall) Get(*http.Request, string) (elimity.Resource, error) {
	return c.done(c.x.member())
}

// GetAll implements elimity.ResourceHandler; lists have their own way, whose filters run in the database.
func (c *libraryCall) GetAll(*http.Request, elimity.ListRequestParams) (elimity.Page, error) {
	return elimity.Page{}, refuse(http.StatusNotImplemented, "", "This endpoint is not offered")
}

// Replace implements elimity.ResourceHandler.
func (c *libraryCall) Replace(*http.Request, string, elimity.ResourceAttributes) (elimity.Resource, error) {
	return c.done(c.x.replace(c.res, c.version))
}

// Patch implements elimity.ResourceHandler.
func (c *libraryCall) Patch(*http.Request, string, []elimity.PatchOperation) (elimity.Resource, error) {
	return c.done(c.x.patch(c.ops, c.version))
}

// Delete implements elimity.ResourceHandler.
func (c *libraryCall) Delete(*http.Request, string) error {
	_, err := c.done(directory.Member{}, c.x.remove(c.version))
	return err
}

// caughtAnswer keeps the library's answer from the client.
type caughtAnswer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *caughtAnswer) Header() http.Header         { return a.header }
func (a *caughtAnswer) WriteHeader(status int)      { a.status = status }
func (a *caughtAnswer) Write(b []byte) (int, error) { return a.body.Write(b) }

// refusal is the library's own refusal of a body: its sentences are constants fit for clients.
func (a *caughtAnswer) refusal() error {
	var r refusal
	if err := json.Unmarshal(a.body.Bytes(), &r); err != nil || r.Status < 400 || r.Status > 499 {
		return badSyntax("The request does not fit the schema")
	}
	return r
}
