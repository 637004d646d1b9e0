package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"

	"portvakt/cmd/portvakt/importer"
)

// importAnswer is one line of the answer: how far it has come, and at the end what came of it.
type importAnswer struct {
	Progress *importer.Progress `json:"progress,omitempty"`
	Result   *importer.Result   `json:"result,omitempty"`
	Mistake  *importer.Mistake  `json:"mistake,omitempty"`
	Error    string             `json:"error,omitempty"`
}

const largestImport = 4 << 30

type importFunc func(ctx context.Context, j importer.Job, progress func(importer.Progress)) (importer.Result, error)

// serveImport takes a file over the local socket. It is kept in a temporary file meanwhile, because it is read twice.
func serveImport(do importFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		answer := func(a importAnswer) {
			_ = json.NewEncoder(w).Encode(a)
			_ = http.NewResponseController(w).Flush()
		}
		var request importRequest
		if err := json.Unmarshal([]byte(r.URL.Query().Get("request")), &request); err != nil {
			answer(importAnswer{Error: "the request cannot be read"})
			return
		}
		folder, err := os.MkdirTemp("", "portvakt-import-")
		if err != nil {
			answer(importAnswer{Error: err.Error()})
			return
		}
		defer os.RemoveAll(folder)
		path := filepath.Join(folder, "file")
		if err := keepBody(path, http.MaxBytesReader(w, r.Body, largestImport)); err != nil {
			answer(importAnswer{Error: err.Error()})
			return
		}
		open := func() (io.ReadCloser, error) { return os.Open(path) }
		result, err := do(r.Context(), request.job(open), func(p importer.Progress) { answer(importAnswer{Progress: &p}) })
		m, mistaken := errors.AsType[*importer.Mistake](err)
		switch {
		case mistaken:
			answer(importAnswer{Mistake: m})
		case err != nil:
			answer(importAnswer{Error: err.Error()})
		default:
			answer(importAnswer{Result: &result})
		}
	}
}

func keepBody(path string, body io.Reader) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, body)
	return errors.Join(err, f.Close())
}

// importOverSocket asks the serving process.
func importOverSocket(ctx context.Context, path string, request importRequest, open func() (io.ReadCloser, error),
	progress func(importer.Progress)) (importer.Result, error) {
	var none importer.Result
	body, err := open()
	if err != nil {
		return none, err
	}
	defer body.Close()
	text, err := json.Marshal(request)
	if err != nil {
		return none, err
	}
	client := socketClient(path)
	defer client.CloseIdleConnections()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://portvakt/import?request="+url.QueryEscape(string(text)), body)
	if err != nil {
		return none, err
	}
	r.Header.Set(callerHeader, thisUser())
	res, err := client.Do(r)
	if err != nil {
		return none, mistakef("the database is served by another process that does not answer on its socket: %w", err)
	}
	defer res.Body.Close()
	for from := json.NewDecoder(res.Body); ; {
		var answer importAnswer
		err := from.Decode(&answer)
		switch {
		case err != nil:
			return none, fmt.Errorf("the serving process went away; start the import again, it goes on where it stopped (%w)", err)
		case answer.Progress != nil:
			progress(*answer.Progress)
		case answer.Mistake != nil:
			return none, answer.Mistake
		case answer.Result != nil:
			return *answer.Result, nil
		default:
			return none, errors.New(answer.Error)
		}
	}
}

// socketClient speaks to the process that listens on a local socket.
func socketClient(path string) *http.Client {
	return &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		name, release, err := shortName(path)
		if err != nil {
			return nil, err
		}
		defer release()
		return (&net.Dialer{}).DialContext(ctx, "unix", name)
	}}}
}
