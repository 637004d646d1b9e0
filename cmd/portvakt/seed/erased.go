package seed

import (
	"context"
	"fmt"
	"time"

	"portvakt/internal/directory"
)

// Nothing is kept by which an erased person could be known again, so a file that still names one would make the person
// anew, as somebody else. Whoever applies it is told that this may be so.

// remindOfErased notes an organization that has a new person and that has lost somebody to an erasure before.
func (r *run) remindOfErased(ctx context.Context, org directory.Organization, u directory.User) error {
	if !u.CreatedAt.Equal(r.tx.Now()) || r.report.erased[org.Slug] != "" {
		return nil
	}
	at, err := r.dir.Organizations.LastErasure(ctx, org.ID)
	if err != nil || at.IsZero() {
		return err
	}
	if r.report.erased == nil {
		r.report.erased = map[string]string{}
	}
	r.report.erased[org.Slug] = fmt.Sprintf("a person was erased here on %s; look whether the file names them still", at.UTC().Format(time.DateOnly))
	return nil
}
