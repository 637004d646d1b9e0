package scim

import (
	"context"
	"errors"
	"testing"
)

func TestUnavailableDatabaseIsNoServerError(t *testing.T) {
	t.Parallel()
	if got := toRefusal(context.DeadlineExceeded); got.Status != 503 {
		t.Errorf("%+v", got)
	}
	if got := toRefusal(errors.New("x")); got.Status != 500 {
		t.Errorf("%+v", got)
	}
}
