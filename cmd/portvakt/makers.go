package main

import (
	"log/slog"
	"time"

	"portvakt/idp/credential"
)

// makers reads the metadata of the makers of keys; nil where the operator has given none.
func (p *PasskeysConfig) makers(now time.Time) (*credential.Makers, error) {
	if p.Metadata == "" {
		return nil, nil
	}
	blob, err := readOptional(p.Metadata, "passkeys.metadata")
	if err != nil {
		return nil, err
	}
	root, err := readOptional(p.MetadataRoot, "passkeys.metadata_root")
	if err != nil {
		return nil, err
	}
	m, err := credential.ReadMakers(blob, root, now)
	if err != nil {
		return nil, mistakef("passkeys.metadata: %w", err)
	}
	return m, nil
}

// stale says on starting that newer metadata is due.
func stale(m *credential.Makers, now time.Time, log *slog.Logger) *credential.Makers {
	if m != nil && m.Stale(now) {
		log.Warn("passkeys.metadata is old: what is known of keys since is not known here", "number", m.Number, "next_update", m.Next.Format(time.DateOnly))
	}
	return m
}

// makers looks at the metadata of the makers of keys, and at who needs it.
func (d *diagnosis) makers(cfg *Config) error {
	demanding, err := attestedOrganizations(d.w.ctx, d.db)
	if err != nil {
		return err
	}
	now := d.db.Now()
	m, err := cfg.Passkeys.makers(now)
	switch {
	case err != nil:
		d.say(broken, "key metadata", "%v", err)
	case m == nil && demanding > 0:
		d.say(broken, "key metadata", "%d organization(s) take attested keys alone, and passkeys.metadata is missing: no key counts there", demanding)
	case m == nil:
		d.say(fine, "key metadata", "none; nobody asks for attested keys")
	case m.Stale(now):
		d.say(warning, "key metadata", "number %d was to be replaced by %s: put the newer blob there and start the service again", m.Number, m.Next.Format(time.DateOnly))
	case m.Unread > 0:
		d.say(warning, "key metadata", "number %d, %d models; %d more were not understood and count as unknown", m.Number, m.Models, m.Unread)
	default:
		d.say(fine, "key metadata", "number %d, %d models, next update by %s", m.Number, m.Models, m.Next.Format(time.DateOnly))
	}
	return nil
}
