package main

import (
	"context"
	"net"
	"net/http"
	osuser "os/user"
	"strconv"
	"strings"

	"portvakt/internal/actor"
)

// What is done from the command line stands in the history as the system's act, by the operating system's user who called.
// Over the local socket the operating system itself says who that is, where it can; the caller's own word counts elsewhere,
// which is no weaker than the socket's permissions: whoever opens it could do anything.

// callerPrefix keeps operating system users apart from the identifiers of our own people.
const callerPrefix = "os:"

// callerHeader is where the caller's word stands.
const callerHeader = "Portvakt-Caller"

const maxCaller = 100

// asCaller lets what is done in the context be done by an operating system user; "" leaves it the system's own.
func asCaller(ctx context.Context, name string) context.Context {
	name = strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' {
			return -1
		}
		return r
	}, name)
	if name == "" {
		return ctx
	}
	name = name[:min(len(name), maxCaller)]
	return actor.With(ctx, actor.Actor{Kind: actor.System, ID: callerPrefix + name, Name: name})
}

// thisUser is who runs this process.
func thisUser() string {
	u, err := osuser.Current()
	if err != nil {
		return ""
	}
	return u.Username
}

// userOfID is the name of an operating system user; a number, where it has none here, or one that asCaller would shorten: to
// nothing, so that the caller's word counted after all, or to what is somebody else's name.
func userOfID(uid uint32) string {
	id := strconv.FormatUint(uint64(uid), 10)
	if u, err := osuser.LookupId(id); err == nil {
		return nameOf(u)
	}
	return id
}

func nameOf(u *osuser.User) string {
	if u.Username == "" || len(u.Username) > maxCaller || strings.ContainsFunc(u.Username, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return u.Uid
	}
	return u.Username
}

// witnessed notes who is at the other end of a connection.
func witnessed(ctx context.Context, c net.Conn) context.Context {
	if name, known := peerUser(c); known {
		return asCaller(ctx, name)
	}
	return ctx
}

// sayingWho believes the caller's word where the operating system has said nothing.
func sayingWho(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if actor.From(r.Context()).ID == "" {
			r = r.WithContext(asCaller(r.Context(), r.Header.Get(callerHeader)))
		}
		next.ServeHTTP(w, r)
	})
}
