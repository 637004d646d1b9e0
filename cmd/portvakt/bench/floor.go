package bench

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net"
	"net/http"
	"time"
)

// document is about as long as a discovery document.
var document = make([]byte, 2500)

// ServeFloor is the floor as a server: net/http and nothing but the necessary work. /token parses the form and signs 330
// bytes with ES256, /document answers fixed bytes. ready is told the bound address.
func ServeFloor(ctx context.Context, ready func(addr string) error) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil {
			http.Error(w, "", http.StatusBadRequest)
			return
		}
		token, err := signOnce(key)
		if err != nil {
			http.Error(w, "", http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"access_token":"` + token + `","token_type":"Bearer","expires_in":600}`))
	})
	mux.HandleFunc("GET /document", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(document)
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	if err := ready(listener.Addr().String()); err != nil {
		return err
	}
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go func() {
		<-ctx.Done()
		_ = server.Close()
	}()
	if err := server.Serve(listener); err != http.ErrServerClosed {
		return err
	}
	return nil
}

var claims = make([]byte, 330)

func signOnce(key *ecdsa.PrivateKey) (string, error) {
	input := base64.RawURLEncoding.EncodeToString(claims)
	digest := sha256.Sum256([]byte(input))
	r, s, err := ecdsa.Sign(rand.Reader, key, digest[:])
	if err != nil {
		return "", err
	}
	signature := make([]byte, 64)
	r.FillBytes(signature[:32])
	s.FillBytes(signature[32:])
	return input + "." + base64.RawURLEncoding.EncodeToString(signature), nil
}

// signatureCost is the processor time of a bare ES256 signature in microseconds, on one core with nothing else to do.
func signatureCost() (float64, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return 0, err
	}
	best := time.Duration(1 << 62)
	for range 5 {
		const n = 2000
		began := time.Now()
		for range n {
			if _, err := signOnce(key); err != nil {
				return 0, err
			}
		}
		best = min(best, time.Since(began)/n)
	}
	return float64(best) / float64(time.Microsecond), nil
}
