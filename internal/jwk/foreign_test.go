package jwk_test

import (
	"strings"
	"testing"

	"portvakt/internal/jwk"
)

// A set that somebody publishes for others too: what is not ours is passed over, and a private half spoils it.
func TestForeignSets(t *testing.T) {
	t.Parallel()
	const good = `{"kty":"OKP","crv":"Ed25519","kid":"a","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`
	for set, want := range map[string]int{
		`{"keys":[` + good + `]}`: 1,
		`{"keys":[]}`:             0,
		`{"keys":[{"kty":"EC","crv":"P-521","x":"AA","y":"AA"},` + good + `,{"kty":"new"},7]}`: 1,
		`{"keys":[` + strings.Replace(good, `"kid"`, `"use":"enc","kid"`, 1) + `]}`:            0,
		`{"keys":[` + good + `,` + strings.Replace(good, `"x"`, `"d":"AA","x"`, 1) + `]}`:      -1,
		`{"keys":[` + strings.Repeat(`{},`, 100) + good + `]}`:                                 -1,
		`{"keys":[` + good + `]}` + strings.Repeat(" ", 40<<10):                                -1,
		`{}`:    -1,
		`[]`:    -1,
		`<html`: -1,
	} {
		keys, err := jwk.ParseForeign([]byte(set))
		if (err != nil) != (want < 0) || err == nil && len(keys) != want {
			t.Errorf("%.80s: %d keys, %v", set, len(keys), err)
		}
	}
}
