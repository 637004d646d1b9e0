package signing

import (
	"context"
	"fmt"

	"portvakt/internal/sqldb"
)

// Problems says what is wrong with the stored ring, reading only; nothing where all is well.
func Problems(ctx context.Context, q sqldb.Queryer) ([]string, error) {
	rows, err := readKeys(ctx, q)
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return []string{"there are none; the service makes them when it starts"}, nil
	}
	var problems []string
	have := map[missingKey]bool{}
	for _, row := range rows {
		have[missingKey{row.algorithm, row.state}] = true
		if row.state == retired || q.Vault() == nil {
			continue
		}
		if _, err := q.Vault().Open(purpose(row.kid), row.sealed); err != nil {
			problems = append(problems, fmt.Sprintf("the master key does not open %s", row.kid))
		}
	}
	for _, algorithm := range algorithms {
		for _, st := range []state{current, next} {
			if !have[missingKey{algorithm, st}] {
				problems = append(problems, fmt.Sprintf("%s has no %s key", algorithm, st))
			}
		}
	}
	return problems, nil
}
