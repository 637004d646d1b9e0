package application

import (
	"context"
)

// Flush does what Run does, until nothing is waiting.
func (c *Clients) Flush(ctx context.Context) {
	for len(c.use) > 0 {
		first := <-c.use
		if err := c.dir.ServiceAccounts.NoteUsed(ctx, c.gather(first)); err != nil {
			panic(err)
		}
	}
}
