package main

import (
	"time"

	"portvakt/internal/directory"
)

// provisioning looks for provisioning clients that will soon be left without a token, and for tokens of people who
// are gone.
func (d *diagnosis) provisioning() error {
	ending, err := directory.New(d.db).ProvisioningClients.Ending(d.w.ctx)
	if err != nil {
		return err
	}
	for i, e := range ending {
		if i == namesShown {
			d.say(warning, "provisioning", "and %d more", len(ending)-i)
			break
		}
		d.say(warning, "provisioning", "the last token of %q in %s ends at %s: portvakt provisioning-client rotate", e.Client.Name, e.Client.Slug,
			e.Ends.UTC().Format(time.RFC3339))
	}
	if len(ending) == 0 {
		d.say(fine, "provisioning", "no client's last token ends within %d days", int(directory.ProvisioningNotice.Hours()/24))
	}
	return d.left()
}

// left looks for tokens whose makers may act for the organization no more.
func (d *diagnosis) left() error {
	left, err := directory.New(d.db).ProvisioningClients.Left(d.w.ctx)
	for i, l := range left {
		if i == namesShown {
			d.say(warning, "provisioning", "and %d more tokens of that kind", len(left)-i)
			break
		}
		d.say(warning, "provisioning", "token %s of %q in %s was made by %s, who may act there no more: if it is not wanted, portvakt provisioning-client rotate or revoke",
			l.Token.ID, l.Client.Name, l.Client.Slug, l.Token.MadeBy)
	}
	return err
}
