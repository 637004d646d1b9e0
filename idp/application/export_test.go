package application

import "context"

// Flush does what Run does, until nothing is waiting.
func (c *Clients) Flush(ctx context.Context) error { return c.uses.Flush(ctx) }
