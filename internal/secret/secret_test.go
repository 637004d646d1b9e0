package secret_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"portvakt/internal/secret"
)

const clear = "correct horse battery staple"

// Invariant: a Text shows itself nowhere but in Reveal.
func TestTextIsRedacted(t *testing.T) {
	t.Parallel()
	text := secret.Text(clear)
	holder := struct {
		Name     string
		Password secret.Text
		Pointer  *secret.Text
		List     []secret.Text
		Map      map[string]secret.Text
	}{"x", text, &text, []secret.Text{text}, map[string]secret.Text{"a": text}}
	var out strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%T", "%10.3s", "%U", "%e"} {
		fmt.Fprintf(&out, verb+"\n", text)
		fmt.Fprintf(&out, verb+"\n", holder)
	}
	fmt.Fprintln(&out, text, holder, fmt.Errorf("failed with %v: %w", text, errors.New("x")))
	for _, handler := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		slog.New(handler).With("password", text).Info("message", "p", text, "holder", holder, "pointer", &text, slog.Group("g", "p", text))
	}
	body, err := json.Marshal(map[string]any{"p": text, "h": holder, "list": []any{text, &text}})
	if err != nil {
		t.Fatal(err)
	}
	out.Write(body)
	for _, leak := range []string{clear, "correct", "battery", fmt.Sprintf("%x", clear), fmt.Sprintf("%X", clear)} {
		if strings.Contains(out.String(), leak) {
			t.Errorf("%q is shown:\n%s", leak, out.String())
		}
	}
	if text.Reveal() != clear {
		t.Error("Reveal does not give the text")
	}
}

func TestTokens(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 1000 {
		token := secret.NewToken()
		if len(token) != 43 || strings.ContainsAny(token, "+/=") || seen[token] {
			t.Fatalf("token %q", token)
		}
		seen[token] = true
	}
	if h := secret.HashToken("a"); len(h) != 32 || bytes.Equal(h, secret.HashToken("b")) || !bytes.Equal(h, secret.HashToken("a")) {
		t.Error("HashToken is no hash")
	}
}

func newKeys(t *testing.T, fill byte) *secret.Keys {
	t.Helper()
	master := make([]byte, secret.MasterSize)
	for i := range master {
		master[i] = byte(i) ^ fill
	}
	k, err := secret.NewKeys(master)
	if err != nil {
		t.Fatal(err)
	}
	clear := append([]byte(nil), master...)
	for i := range master { // the caller may wipe its copy
		master[i] = 0
	}
	same, err := secret.NewKeys(clear)
	if err != nil || !bytes.Equal(same.Derive("x"), k.Derive("x")) {
		t.Fatal("the keys follow the caller's slice")
	}
	return k
}

func TestMasterKeyIsChecked(t *testing.T) {
	t.Parallel()
	for name, master := range map[string][]byte{"none": nil, "short": secret.Random(31), "long": secret.Random(33), "zeros": make([]byte, 32),
		"pattern": bytes.Repeat([]byte("abcd"), 8)} {
		if _, err := secret.NewKeys(master); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	if _, err := secret.NewKeys(secret.Random(32)); err != nil {
		t.Error(err)
	}
}

func TestSealAndOpen(t *testing.T) {
	t.Parallel()
	k := newKeys(t, 0)
	for _, plain := range []string{"", "x", strings.Repeat("long ", 1000)} {
		sealed := k.Seal("signing key", []byte(plain))
		if len(plain) > 3 && bytes.Contains(sealed, []byte(plain[:4])) {
			t.Error("sealed bytes show the text")
		}
		if bytes.Equal(sealed, k.Seal("signing key", []byte(plain))) {
			t.Error("sealing twice gives the same bytes")
		}
		if got, err := k.Open("signing key", sealed); err != nil || string(got) != plain {
			t.Errorf("Open = %q, %v", got, err)
		}
		if _, err := k.Open("another purpose", sealed); !errors.Is(err, secret.ErrSealed) {
			t.Errorf("another purpose: %v", err)
		}
		if _, err := newKeys(t, 1).Open("signing key", sealed); !errors.Is(err, secret.ErrSealed) {
			t.Errorf("another master key: %v", err)
		}
	}
	sealed := k.Seal("p", []byte("text"))
	for i := range sealed {
		changed := bytes.Clone(sealed)
		changed[i] ^= 1
		if _, err := k.Open("p", changed); !errors.Is(err, secret.ErrSealed) {
			t.Errorf("byte %d changed: %v", i, err)
		}
		if _, err := k.Open("p", sealed[:i]); !errors.Is(err, secret.ErrSealed) {
			t.Errorf("cut to %d bytes: %v", i, err)
		}
	}
	if _, err := k.Open("p", append(sealed, 0)); !errors.Is(err, secret.ErrSealed) {
		t.Errorf("with a byte more: %v", err)
	}
}

func TestDerive(t *testing.T) {
	t.Parallel()
	k := newKeys(t, 0)
	a, b := k.Derive("refresh"), k.Derive("refresh2")
	if len(a) != 32 || bytes.Equal(a, b) || !bytes.Equal(a, k.Derive("refresh")) || bytes.Equal(a, newKeys(t, 1).Derive("refresh")) {
		t.Error("derived keys must depend on label and master key alone")
	}
}
