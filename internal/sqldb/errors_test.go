package sqldb_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"testing"
	"time"

	"portvakt/internal/sqldb"
)

func TestUnavailable(t *testing.T) {
	t.Parallel()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := closed.Addr().String()
	closed.Close()
	_, unreachable := sqldb.Open(context.Background(), sqldb.Config{URL: "postgres://nobody@" + address + "/none?sslmode=disable"})
	late, cancel := context.WithTimeout(context.Background(), -time.Second)
	defer cancel()
	for _, row := range []struct {
		name string
		err  error
		want bool
	}{
		{"nothing", nil, false},
		{"a port where nobody listens", unreachable, true},
		{"the same, said by somebody else", fmt.Errorf("reading: %w", unreachable), true},
		{"out of time", late.Err(), true},
		{"given up", context.Canceled, false},
		{"no such row", sqldb.ErrNoRows, false},
		{"anything", errors.New("x"), false},
	} {
		if got := sqldb.IsUnavailable(row.err); got != row.want {
			t.Errorf("%s (%v): %v", row.name, row.err, got)
		}
	}
}
