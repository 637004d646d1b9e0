package scim

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"

	elimity "github.com/elimity-com/scim"
	"github.com/elimity-com/scim/schema"

	"portvakt/internal/directory"
)

// libraryCall is the way of a user's PATCH through elimity-com/scim: the library validates the straightened operations against
// the schemas and calls Patch. Its own answer is caught, because ours has exact dates, the schemas that a user really has, the
// attributes asked for, and errors that name what is wrong. A whole user is validated by fits; to read and to remove one there
// is nothing to validate.
type libraryCall struct {
	elimity.ResourceHandler // nil: nothing but Patch is called
	x                       *exchange
	version                 int64 // of If-Match; 0: any
	ops                     []operation

	called bool
	member directory.Member
	err    error
}

// fits refuses a straightened user that is none by the library's reading of the schemas. Through the library's server the same
// costs a third of a request: the user written as JSON and read again, and a schema made anew.
func (r *registry) fits(body map[string]any) error {
	if _, err := r.whole.Validate(body); err != nil {
		return libraryRefusal(*err)
	}
	for _, s := range []*schema.Schema{&r.enterprise, &r.membership} {
		part, ok := body[s.ID]
		if !ok {
			continue
		}
		if _, err := s.ValidateExtension(part); err != nil {
			return libraryRefusal(*err)
		}
	}
	return nil
}

// through sends operations of a PATCH on; what came of them stands in x.library.
func (x *exchange) through(call libraryCall) error {
	if _, err := x.memberID(); err != nil {
		return err
	}
	call.x = x
	x.library = call
	caught, err := x.send(elimity.ResourceType{
		Name: "User", Endpoint: "/Users", Schema: x.h.schemas.core, Handler: &x.library,
		SchemaExtensions: []elimity.SchemaExtension{{Schema: x.h.schemas.enterprise}, {Schema: x.h.schemas.membership}},
	}, patchBody(call.ops))
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

// Patch implements elimity.ResourceHandler: it notes what comes of the call, and gives the library something to answer with.
func (c *libraryCall) Patch(*http.Request, string, []elimity.PatchOperation) (elimity.Resource, error) {
	c.called = true
	c.member, c.err = c.x.patch(c.ops, c.version)
	return elimity.Resource{ID: c.x.id}, c.err
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

// refusal is the library's own refusal of a body.
func (a *caughtAnswer) refusal() error {
	var r refusal
	_ = json.Unmarshal(a.body.Bytes(), &r) // what is none has no status
	return libraryRefusal(r)
}

// libraryRefusal is how the library refuses a body: its sentences are constants fit for clients.
func libraryRefusal(r refusal) error {
	if r.Status < 400 || r.Status > 499 {
		return badSyntax("The request does not fit the schema")
	}
	return r
}
