package mail

import "context"

// Forget throws the captured mails away, all of them: what a person is called may stand in anybody's.
func (c *Captured) Forget(ctx context.Context) error {
	_, err := c.db.Exec(ctx, `delete from captured_mail`)
	return err
}
