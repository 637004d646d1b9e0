// Package migrations holds the schema as numbered steps, one text for both engines: the words in braces differ and
// sqldb fills them in. Forward only: what has landed is never edited, a mistake is mended by a later step.
package migrations

import "embed"

// Files are the steps, NNNN_name.sql.
//
//go:embed *.sql
var Files embed.FS
