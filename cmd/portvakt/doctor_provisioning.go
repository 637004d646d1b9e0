package main

import (
	"time"

	"portvakt/internal/directory"
)

// provisioning looks for provisioning clients that will soon be left without a token.
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
	return nil
}
