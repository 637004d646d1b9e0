package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// The local socket is how commands reach the one process that serves a SQLite file. The file's permissions are the
// authorization: only the user who runs the service opens it.

// socketHandler does one kind of request and answers what to print.
type socketHandler func(ctx context.Context, request json.RawMessage) (string, error)

// socketHandlers are what the serving process does for commands, by the kind of request.
func (h *house) socketHandlers(dev bool) map[string]socketHandler {
	return map[string]socketHandler{
		"apply": onSocket(h.applyRequest(dev)),
		"act":   onSocket(h.act),
	}
}

// onSocket reads a request for the function that does it.
func onSocket[T any](do func(context.Context, T) (string, error)) socketHandler {
	return func(ctx context.Context, body json.RawMessage) (string, error) {
		var request T
		if err := json.Unmarshal(body, &request); err != nil {
			return "", errors.New("the request cannot be read")
		}
		return do(ctx, request)
	}
}

type applyRequest struct {
	Name    string `json:"name"`
	Data    []byte `json:"data"`
	DryRun  bool   `json:"dry_run"`
	Details bool   `json:"details"`
}

type socketAnswer struct {
	Report   string `json:"report,omitempty"`
	Problems string `json:"problems,omitempty"` // mistakes of the caller
	Error    string `json:"error,omitempty"`
	Partly   bool   `json:"partly,omitempty"` // the report counts, although there is an error
}

// listenSocket makes the socket. It is made where this user alone may enter, and moved to its place when its permissions
// stand: at no moment anybody else can open it. The process's umask is left alone, since others make files meanwhile.
func listenSocket(path string) (net.Listener, error) {
	fail := func(err error) (net.Listener, error) {
		return nil, mistakef("the socket %s cannot be made: %w", path, err)
	}
	folder, err := os.MkdirTemp(filepath.Dir(path), ".socket-*")
	if err != nil {
		return fail(err)
	}
	defer os.RemoveAll(folder)
	made := filepath.Join(folder, "s")
	name, release, err := shortName(made)
	if err != nil {
		return fail(err)
	}
	defer release()
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: name, Net: "unix"})
	if err != nil {
		return fail(err)
	}
	listener.SetUnlinkOnClose(false) // it would look for the name that it was made under
	if err = os.Chmod(made, 0o600); err == nil {
		err = os.Rename(made, path) // over what a process left that died; the lock says that none lives
	}
	if err != nil {
		listener.Close()
		return fail(err)
	}
	return &socket{listener, path}, nil
}

// socket goes from its place when it is closed.
type socket struct {
	net.Listener
	path string
}

// Close gives the socket up.
func (s *socket) Close() error {
	if err := os.Remove(s.path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return errors.Join(err, s.Listener.Close())
	}
	return s.Listener.Close()
}

// longestName is what every system takes as a socket's name (unix(7): 108 bytes on Linux, 104 elsewhere).
const longestName = 100

// shortName is another name of a path that is too long for a socket's name, through its open folder.
func shortName(path string) (name string, release func(), err error) {
	if len(path) <= longestName {
		return path, func() {}, nil
	}
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return "", nil, err
	}
	return fmt.Sprintf("/proc/self/fd/%d/%s", folder.Fd(), filepath.Base(path)), func() { folder.Close() }, nil
}

const (
	largestRequest = 16 << 20
	socketDrain    = 10 * time.Second
)

// serveSocket answers on the socket until ctx ends, and lets a request that runs finish.
func serveSocket(ctx context.Context, listener net.Listener, handlers map[string]socketHandler, do importFunc) error {
	handler := http.NewServeMux()
	handler.HandleFunc("POST /import", serveImport(do))
	handler.HandleFunc("POST /{kind}", func(w http.ResponseWriter, r *http.Request) {
		do, known := handlers[r.PathValue("kind")]
		if !known {
			writeJSON(w, http.StatusNotFound, socketAnswer{Problems: "the serving process does not know this command; it is of another version"})
			return
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, largestRequest))
		if err != nil {
			writeJSON(w, http.StatusBadRequest, socketAnswer{Error: "the request cannot be read"})
			return
		}
		text, err := do(r.Context(), body)
		answer := socketAnswer{Report: text}
		if err != nil {
			var stderr bytes.Buffer
			if report(&stderr, err) == exitMistake {
				answer.Problems = err.Error()
			} else {
				answer.Error = err.Error()
			}
			_, answer.Partly = errors.AsType[partly](err)
		}
		writeJSON(w, http.StatusOK, answer)
	})
	server := &http.Server{Handler: sayingWho(handler), ConnContext: witnessed, ReadHeaderTimeout: 5 * time.Second}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		<-ctx.Done()
		drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), socketDrain)
		defer cancel()
		if server.Shutdown(drain) != nil {
			_ = server.Close()
		}
	}()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	<-ended
	return nil
}

// overSocket has the serving process do a request and answers what to print.
func overSocket(ctx context.Context, path, kind string, req any) (string, error) {
	body, err := json.Marshal(req)
	if err != nil {
		return "", err
	}
	client := socketClient(path)
	defer client.CloseIdleConnections()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://portvakt/"+kind, bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	r.Header.Set(callerHeader, thisUser())
	res, err := client.Do(r)
	if err != nil {
		return "", mistakef("the database is served by another process that does not answer on its socket: %w", err)
	}
	defer res.Body.Close()
	var answer socketAnswer
	if err := json.NewDecoder(io.LimitReader(res.Body, largestRequest)).Decode(&answer); err != nil {
		return "", fmt.Errorf("the serving process answered with status %d", res.StatusCode)
	}
	switch {
	case answer.Partly:
		return answer.Report, partly{errors.New(answer.Problems + answer.Error)}
	case answer.Problems != "":
		return "", mistake{errors.New(answer.Problems)}
	case answer.Error != "":
		return "", errors.New(answer.Error)
	}
	return answer.Report, nil
}
