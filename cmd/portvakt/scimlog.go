package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"portvakt/internal/directory"
)

type scimLogCommand struct {
	reading
	Organization string `required:"" placeholder:"SLUG" help:"The organization's slug."`
	Client       string `placeholder:"NAME" help:"Of one provisioning client alone."`
	Member       string `placeholder:"ID" help:"About one member (mbr_…) or group (grp_…) alone."`
	Refused      bool   `help:"What was refused alone."`
	Limit        int    `default:"50" help:"How many requests at most."`
	JSON         bool   `name:"json" help:"One JSON object a line."`
}

// Run lists the newest requests. They are written once a second, so the last ones may be missing.
func (c scimLogCommand) Run(w world) error {
	db, err := c.open(w)
	if err != nil {
		return err
	}
	defer db.Close()
	dir := directory.New(db)
	org, err := organizationNamed(w, db, c.Organization)
	if err != nil {
		return err
	}
	clients, err := dir.ProvisioningClients.OfOrganization(w.ctx, org)
	if err != nil {
		return err
	}
	q := directory.ProvisioningRequestQuery{Object: c.Member, Refused: c.Refused}
	names := map[directory.ProvisioningClientID]string{}
	for _, p := range clients {
		if names[p.ID] = p.Name; p.Name == c.Client {
			q.Client = p.ID
		}
	}
	if c.Client != "" && q.Client.IsZero() {
		return mistakef("the organization has no provisioning client %q", c.Client)
	}
	out := bufio.NewWriter(w.stdout)
	defer out.Flush()
	found, err := c.print(w, dir, org, q, func(r directory.ProvisioningRequest) error {
		if c.JSON {
			return json.NewEncoder(out).Encode(shownRequest(r, names[r.Client]))
		}
		_, err := fmt.Fprintln(out, requestLine(r, names[r.Client]))
		return err
	})
	if err != nil {
		return err
	}
	if found == 0 && !c.JSON {
		fmt.Fprintln(w.stderr, "There are no such requests.")
	}
	missed, err := dir.ProvisioningLog.Missed(w.ctx, org)
	sayMissed(w, missed, q, clients)
	return err
}

func (c scimLogCommand) print(w world, dir *directory.Directory, org directory.OrganizationID, q directory.ProvisioningRequestQuery,
	each func(directory.ProvisioningRequest) error) (found int, err error) {
	for found < c.Limit {
		q.Limit = min(c.Limit-found, 1000)
		page, err := dir.ProvisioningLog.List(w.ctx, org, q)
		if err != nil {
			return found, err
		}
		for _, r := range page {
			if err := each(r); err != nil {
				return found, err
			}
		}
		if found += len(page); len(page) < q.Limit {
			break
		}
		last := page[len(page)-1]
		q.After = &directory.ProvisioningRequestPlace{At: last.At, ID: last.ID}
	}
	return found, nil
}

// sayMissed tells of requests that came faster than they are written.
func sayMissed(w world, missed map[directory.ProvisioningClientID]int64, q directory.ProvisioningRequestQuery, clients []directory.ProvisioningClient) {
	for _, c := range clients {
		if n := missed[c.ID]; n > 0 && (q.Client.IsZero() || c.ID == q.Client) {
			fmt.Fprintf(w.stderr, "Of %q, %d requests came too fast to be kept.\n", c.Name, n)
		}
	}
}

// requestLine is a request for people. Nothing in it was written by a client but names, which are letters, digits and a few signs.
func requestLine(r directory.ProvisioningRequest, client string) string {
	var b strings.Builder
	target := r.Path
	if r.Query != "" {
		target += "?" + r.Query
	}
	fmt.Fprintf(&b, "%s  %q  %s %s  %d  %s", r.At.UTC().Format("2006-01-02 15:04:05"), client, r.Method, target, r.Status, r.Duration.Round(100*time.Microsecond))
	if r.Code != "" {
		b.WriteString("  " + r.Code)
	}
	if r.Reason != "" {
		fmt.Fprintf(&b, "  %q", r.Reason)
	}
	if r.Object != "" && !strings.HasSuffix(r.Path, r.Object) {
		b.WriteString("  " + r.Object)
	}
	if len(r.Changed) > 0 {
		b.WriteString("  changed: " + strings.Join(r.Changed, ", "))
	}
	if r.Operations > 0 {
		fmt.Fprintf(&b, "  operations: %d", r.Operations)
	}
	fmt.Fprintf(&b, "  request %s", r.RequestID)
	for _, part := range [][2]string{{"from", r.Address}, {"by", r.UserAgent}, {"token", r.Token.String()}} {
		if part[1] != "" {
			b.WriteString("  " + part[0] + " " + part[1])
		}
	}
	if r.Shape != "" {
		b.WriteString("\n    sent: " + r.Shape)
	}
	for _, f := range r.Failed {
		fmt.Fprintf(&b, "\n    operation %d: %s %s  %d  %s  %q", f.Number, f.Method, f.Path, f.Status, f.Code, f.Reason)
	}
	return b.String()
}

// shownRequest is a request as JSON; documented in docs/contract.md.
func shownRequest(r directory.ProvisioningRequest, client string) map[string]any {
	out := map[string]any{"id": r.ID.String(), "at": r.At.UTC().Format(time.RFC3339Nano), "client": client, "duration_ms": float64(r.Duration.Microseconds()) / 1000,
		"method": r.Method, "path": r.Path, "status": r.Status}
	for name, text := range map[string]string{"query": r.Query, "scim_type": r.Code, "detail": r.Reason, "object": r.Object, "request_id": r.RequestID,
		"token": r.Token.String(), "address": r.Address, "user_agent": r.UserAgent, "sent": r.Shape} {
		if text != "" {
			out[name] = text
		}
	}
	if len(r.Changed) > 0 {
		out["changed"] = r.Changed
	}
	if r.Operations > 0 {
		out["operations"], out["failed"] = r.Operations, r.Failed
	}
	return out
}
