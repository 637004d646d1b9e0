package application

import (
	"context"
)

// Flush does what Run does, until nothing is waiting.
func (c *Clients) Flush(ctx context.Context) {
	if err := c.uses.Flush(ctx); err != nil {
		panic(err)
	}
}
