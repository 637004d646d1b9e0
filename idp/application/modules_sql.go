package application

import (
	"context"
	"strconv"
	"strings"

	"portvakt/internal/sqldb"
)

// anySelfService reports whether one of the modules is for members without system access.
func anySelfService(ctx context.Context, q sqldb.Queryer, modules []string) (bool, error) {
	places := make([]string, len(modules))
	args := make([]any, len(modules))
	for i, m := range modules {
		places[i], args[i] = "$"+strconv.Itoa(i+1), m
	}
	var n int64
	err := q.QueryRow(ctx, "select count(*) from modules where self_service = true and key in ("+strings.Join(places, ", ")+")", args...).Scan(&n)
	return n > 0, err
}
