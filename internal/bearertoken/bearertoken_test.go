package bearertoken_test

import (
	"testing"

	"portvakt/internal/bearertoken"
)

func TestOf(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		values []string
		want   string
	}{
		{nil, ""},
		{[]string{""}, ""},
		{[]string{"Bearer"}, ""},
		{[]string{"Bearer "}, ""},
		{[]string{"Bearer abc"}, "abc"},
		{[]string{"bEARER  abc "}, "abc"},
		{[]string{"Bearerabc"}, ""},
		{[]string{"Basic abc"}, ""},
		{[]string{"Bearer abc", "Bearer abc"}, ""},
		{[]string{"Bearer abc", "Basic abc"}, ""},
	} {
		if got := bearertoken.Of(c.values); got != c.want {
			t.Errorf("Of(%q) = %q, want %q", c.values, got, c.want)
		}
	}
}
