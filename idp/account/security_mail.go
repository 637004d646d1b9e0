package account

import (
	"context"
	"encoding/json"

	"portvakt/idp/credential"
	"portvakt/internal/mail"
	"portvakt/internal/outbox"
)

// securityKinds are the events of which the person is told in case it was somebody else, and the mail's words for each.
var securityKinds = map[string]mail.SecurityKind{
	credential.EventFactorAdded:       mail.SecurityFactorAdded,
	credential.EventFactorRemoved:     mail.SecurityFactorRemoved,
	credential.EventRecoveryCodesMade: mail.SecurityRecoveryCodesMade,
	credential.EventRecoveryCodeUsed:  mail.SecurityRecoveryCodeUsed,
	credential.EventCodesGuessed:      mail.SecurityCodesGuessed,
}

// tellSecurity tells the person what changed in how they sign in.
func (a *Account) tellSecurity(ctx context.Context, e outbox.Event) error {
	u, st, at, err := a.told(ctx, e)
	if err != nil {
		return gone(err)
	}
	var about credential.FactorEvent
	if err := json.Unmarshal(e.Data, &about); err != nil {
		return err
	}
	return a.sender.Send(ctx, a.texts.Security(mail.Security{
		Recipient: recipient(u, st), Kind: securityKinds[e.Kind], At: at, Left: about.Left,
		Few: e.Kind == credential.EventRecoveryCodeUsed && credential.FewRecoveryCodes(about.Left), AccountURL: a.cfg.Issuer + pathFactors,
	}))
}
