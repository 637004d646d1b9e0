package directory

import (
	"context"
	"encoding/hex"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"portvakt/internal/sqldb"
)

// newGroupKey makes the key of a group that comes with a name only. It is made of the name, because people read it in claims.
// Where a group has it or had it, or the name has no letters for it, an end from the group's id makes it one of its own.
//
// Invariant: no group comes by the key of another one, also of one that was removed (TestGroupKeysNeverComeBack).
func newGroupKey(ctx context.Context, q sqldb.Queryer, org OrganizationID, g *Group) (string, error) {
	key := keyOfName(g.Name)
	if key != "" {
		if free, err := groupKeyFree(ctx, q, org, key); err != nil || free {
			return key, err
		}
	} else {
		key = "group"
	}
	const end = 12
	key = strings.TrimRight(key[:min(len(key), maxKey-end-1)], "-")
	return key + "-" + hex.EncodeToString(g.ID[len(g.ID)-end/2:]), nil
}

// maxKey is how long a key is at most; see CheckKey.
const maxKey = 63

// letters are what has no parts that could be dropped.
var letters = strings.NewReplacer("ø", "o", "æ", "ae", "œ", "oe", "ß", "ss", "ł", "l", "đ", "d", "ð", "d", "þ", "th", "&", " and ")

// keyOfName is a name as a key: "Økonomi & lønn" is okonomi-and-lonn. It holds no underscore, so that it never looks like an
// identifier of ours. It is "" where the name has no letter or digit that a key may have.
func keyOfName(name string) string {
	var b strings.Builder
	for _, r := range norm.NFKD.String(letters.Replace(Fold(name))) {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			b.WriteRune(r)
		case unicode.Is(unicode.Mn, r): // what stood above or below a letter
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
		if b.Len() == maxKey {
			break
		}
	}
	return strings.Trim(b.String(), "-")
}
