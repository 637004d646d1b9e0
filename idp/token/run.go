package token

import (
	"context"
	"log/slog"
	"time"

	"portvakt/internal/secret"
)

const (
	purgeEvery = 10 * time.Minute
	purgeBatch = 500
)

// Run deletes what is over, one node at a time, until ctx ends. Nothing depends on it but the size of the tables.
func (s *Service) Run(ctx context.Context, log *slog.Logger) {
	holder := secret.NewToken()
	tick := time.NewTicker(purgeEvery)
	defer tick.Stop()
	for {
		if err := s.Purge(ctx, holder); err != nil && ctx.Err() == nil {
			log.WarnContext(ctx, "token: deleting what is over failed", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Purge does once what Run does every few minutes.
func (s *Service) Purge(ctx context.Context, holder string) error {
	for {
		held, err := s.DB.Lease(ctx, "token.purge", holder, purgeEvery)
		if err != nil || !held {
			return err
		}
		n, err := purge(ctx, s.DB, purgeBatch)
		if err != nil || n == 0 {
			return err
		}
	}
}
