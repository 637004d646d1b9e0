package account_test

import (
	"regexp"
	"strings"

	"portvakt/idp/interaction"
	"portvakt/internal/sqldb"
)

type txn = sqldb.Tx

var (
	token         = regexp.MustCompile(`[A-Za-z0-9_-]{43}`)
	interactionID = regexp.MustCompile(`int_[0-9a-v]{26}`)
)

func contains(s, part string) bool { return strings.Contains(s, part) }

func needing(organization string) interaction.Needs {
	return interaction.Needs{Organization: organization}
}
