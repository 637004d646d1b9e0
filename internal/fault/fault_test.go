package fault_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"portvakt/internal/fault"
)

var errTaken = fault.New(fault.Conflict, "user_name_taken", "The user name is taken")

func TestAdditionsAreCopies(t *testing.T) {
	t.Parallel()
	cause := errors.New("unique violation")
	f := errTaken.On("user_name").Because(cause).After(time.Second)
	if errTaken.Field != "" || errTaken.Retry != 0 || errTaken.Unwrap() != nil {
		t.Errorf("the sentinel was changed: %+v", errTaken)
	}
	if f.Field != "user_name" || f.Retry != time.Second || !errors.Is(f, cause) || f.Text != errTaken.Text {
		t.Errorf("fault = %+v", f)
	}
	if want := "conflict user_name_taken: The user name is taken (user_name): unique violation"; f.Error() != want {
		t.Errorf("Error = %q, want %q", f.Error(), want)
	}
}

func TestIdentity(t *testing.T) {
	t.Parallel()
	wrapped := fmt.Errorf("create: %w", errTaken.On("user_name"))
	if !errors.Is(wrapped, errTaken) || !fault.Is(wrapped, fault.Conflict) || fault.Of(wrapped).Field != "user_name" {
		t.Error("a wrapped fault with a field is not recognized")
	}
	if errors.Is(wrapped, fault.New(fault.Conflict, "other", "")) || errors.Is(wrapped, fault.New(fault.Invalid, "user_name_taken", "")) {
		t.Error("another code or kind counts as the same fault")
	}
	if joined := errors.Join(errors.New("x"), errTaken); !fault.Is(joined, fault.Conflict) {
		t.Error("a joined fault is not recognized")
	}
}

// Invariant: what is no fault is Internal, and a client learns nothing of it.
func TestAnythingElseIsInternal(t *testing.T) {
	t.Parallel()
	if fault.Of(nil) != nil || fault.Is(nil, fault.Internal) {
		t.Error("no error became a fault")
	}
	err := fmt.Errorf("open /etc/secret: %w", context.Canceled)
	f := fault.Of(err)
	if f.Kind != fault.Internal || f.Code != "internal" || f.Text != "Something went wrong" || !errors.Is(f, context.Canceled) || !fault.Is(err, fault.Internal) {
		t.Errorf("fault = %+v", f)
	}
	var zero fault.Fault
	if zero.Kind != fault.Internal {
		t.Error("a forgotten kind is not Internal")
	}
}

func TestKindNames(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for k := fault.Internal; k <= fault.Exhausted; k++ {
		seen[k.String()] = true
	}
	if len(seen) != 9 || fault.Kind(200).String() != "internal" {
		t.Errorf("names %v", seen)
	}
}

func ExampleNewf() {
	err := fault.Newf(fault.Forbidden, "seats_full", "All %d seats are in use", 4)
	fmt.Println(err.Text)
	// Output: All 4 seats are in use
}

// TestNewfKeepsItsValues: in order, and through every copy, so that a translated sentence names the same.
func TestNewfKeepsItsValues(t *testing.T) {
	f := fault.Newf(fault.Invalid, "x", "%d of %q", 3, "a b").On("f").Because(errors.New("c")).After(time.Second)
	if fmt.Sprintf("%q", f.Values) != `["3" "a b"]` || f.Text != `3 of "a b"` || fault.New(fault.Invalid, "x", "y").Values != nil {
		t.Errorf("%+v", f)
	}
}
