package session

import "context"

// Flush does what Run does, until nothing is waiting.
func (s *Sessions) Flush(ctx context.Context) error {
	for len(s.seen) > 0 {
		if err := s.writeSeen(ctx, s.gather(<-s.seen)); err != nil {
			return err
		}
	}
	return nil
}

// Forget drops what is waiting.
func (s *Sessions) Forget() {
	for len(s.seen) > 0 {
		<-s.seen
	}
}

// WriteSeen notes the use of sessions from where they were.
func (s *Sessions) WriteSeen(ctx context.Context, ids []ID) error {
	from := map[ID]string{}
	for _, id := range ids {
		from[id] = ""
	}
	return s.writeSeen(ctx, from)
}

// WriteSeenFrom notes the use of a session from an address.
func (s *Sessions) WriteSeenFrom(ctx context.Context, id ID, address string) error {
	return s.writeSeen(ctx, map[ID]string{id: address})
}
