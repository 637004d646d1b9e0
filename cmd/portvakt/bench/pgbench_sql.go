package bench

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// The rows that one SCIM create writes, as plain SQL in one transaction. The same tables, so that indexes and constraints
// cost the same; ids of PostgreSQL's own making.
const creation = `\set i random(1, 2000000000)
begin;
insert into users (id, email, email_key, home_organization_id, state, operator, details, epoch, credentials_epoch, version, created_at, changed_at, email_domain)
  select gen_random_uuid(), 'floor-' || :i::text || '-' || :client_id::text || '@bench.example', 'floor-' || gen_random_uuid() || '@bench.example', id, 'active', false, '{}', 1, 1, 1, 0, 0, 'bench.example'
  from organizations where slug = 'bench';
with u as (select id from users where email_key = 'suspended-0-0@bench.example'), o as (select id from organizations where slug = 'bench'),
  m as (insert into memberships (id, organization_id, user_id, kind, start_at, accepted_at, end_announced_at, administrator, all_segments, user_name, user_name_key,
    external_id, details, given_name_key, family_name_key, display_name_key, formatted_name_key, nick_name_key, title_key, user_type_key, locale_key,
    timezone_key, preferred_language_key, profile_url_key, employee_number_key, cost_center_key, company_key, division_key, department_key,
    epoch, version, created_at, changed_at)
    select gen_random_uuid(), o.id, u.id, 'employee', 0, 0, 1, false, true, 'floor', 'floor-' || gen_random_uuid(), 'floor-' || gen_random_uuid(),
      '{"given_name":"Person","family_name":"1","emails":[{"value":"person@bench.example","type":"work","primary": true}]}',
      'person', '1', '', '', '', '', '', '', '', '', '', '', '', '', '', '', 1, 1, 0, 0 from u, o returning id, organization_id)
insert into member_contacts (membership_id, organization_id, kind, position, value, value_key, type, display, is_primary)
  select m.id, m.organization_id, 'email', 0, 'floor@bench.example', 'floor@bench.example', 'work', '', true from m;
insert into audit_entries (id, at, actor_kind, actor_id, action, object, detail, request_id, address)
  values (gen_random_uuid(), 0, 'provisioning_client', 'pvc_0', 'membership.created', 'mbr_0', '{}', 'r', '127.0.0.1');
insert into events (id, kind, subject, data, at, dispatched_at)
  values (gen_random_uuid(), 'membership.created', 'mbr_0', '{"membership":"mbr_0","organization":"org_0","user":"usr_0"}', 0, 0);
commit;
`

var transactions = regexp.MustCompile(`tps = ([0-9.]+)`)

// pgbench is how many such transactions a second pgbench gets done on the same database.
func pgbench(ctx context.Context, cfg Config) (float64, error) {
	script := filepath.Join(cfg.Scratch, "creation.sql")
	if err := os.WriteFile(script, []byte(creation), 0o600); err != nil {
		return 0, err
	}
	best := 0.0
	for range 3 {
		cmd := exec.CommandContext(ctx, cfg.PgBench, "--no-vacuum", "--protocol=prepared", "--client", strconv.Itoa(cfg.Workers), "--jobs", "2",
			"--transactions", strconv.Itoa(max(cfg.Requests/cfg.Workers, 1)), "--file", script, cfg.Database)
		out, err := cmd.CombinedOutput()
		if err != nil {
			return 0, fmt.Errorf("pgbench: %w: %s", err, strings.TrimSpace(string(out)))
		}
		found := transactions.FindSubmatch(out)
		if found == nil {
			return 0, fmt.Errorf("pgbench said no rate: %s", out)
		}
		rate, err := strconv.ParseFloat(string(found[1]), 64)
		if err != nil {
			return 0, err
		}
		best = max(best, rate)
	}
	return best, nil
}
