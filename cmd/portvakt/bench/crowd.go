package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"time"

	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
)

// Crowd says how many of everything SeedCrowd makes. The first organization has a tenth of the users, the others share the
// rest; who has a second membership has it in one of the others.
type Crowd struct {
	Users, Organizations, Memberships int
	Seed                              uint64
}

func (c Crowd) check() error {
	if c.Users < 10 || c.Organizations < 3 || c.Memberships < c.Users || c.Memberships > 2*c.Users {
		return fmt.Errorf("a crowd has 10 users and 3 organizations at least, and one or two memberships a user")
	}
	return nil
}

// big is how many members the first organization has.
func (c Crowd) big() int { return c.Users / 10 }

// organizationOf is the organization of a user's first or second membership, by number.
func (c Crowd) organizationOf(user, membership int) int {
	others := c.Organizations - 1
	if membership == 0 {
		if user < c.big() {
			return 0
		}
		return 1 + user%others
	}
	return 1 + (user+1+user/others%(others-1))%others // never the first one's
}

var (
	givenNames = []string{"Kari", "Åse", "Ola", "Björn", "Jürgen", "Anna", "Ingrid", "Lars", "Søren", "Maja", "Nils", "Elin", "Henrik", "Sofia", "Emil", "Freja",
		"Karl-Heinz", "Ebba", "Tor", "Annelise", "Magnus", "Ulrike", "Astrid", "Jens"}
	familyNames = []string{"Nordmann", "Hansen", "Sørensen", "Müller", "Lindqvist", "Johansson", "Berg", "Dahl", "Schäfer", "Østby", "Åkesson", "Nygård", "Weiß",
		"Andersson", "Kristiansen", "Lund", "Holm", "Becker", "Öberg", "Strand", "Moen", "Vogel", "Haugen", "Ek"}
	departments = []string{"Sales", "Support", "Finance", "Engineering", "Logistics", "Human Resources", "Legal", "Marketing"}
	titles      = []string{"Manager", "Engineer", "Clerk", "Assistant", "Director", "Consultant", "Driver", "Nurse", ""}
)

// person is how user number i is presented, the same for the same seed.
func (c Crowd) person(i int) directory.Details {
	r := rand.New(rand.NewPCG(c.Seed, uint64(i)))
	d := directory.Details{GivenName: givenNames[r.IntN(len(givenNames))], FamilyName: familyNames[r.IntN(len(familyNames))],
		Department: departments[r.IntN(len(departments))], Title: titles[r.IntN(len(titles))], EmployeeNumber: fmt.Sprint(10000 + i), Locale: "nb"}
	if r.IntN(3) == 0 {
		d.FamilyName += "-" + familyNames[r.IntN(len(familyNames))]
	}
	if r.IntN(4) > 0 {
		d.DisplayName = d.GivenName + " " + d.FamilyName
	}
	return d
}

// email is the address of user number i, in a domain that a hundred share.
func (c Crowd) email(i int) string {
	name := strings.NewReplacer("Å", "a", "å", "a", "Ø", "o", "ø", "o", "ö", "o", "Ö", "o", "ä", "a", "ü", "u", "ß", "ss").Replace(c.person(i).GivenName)
	return fmt.Sprintf("%s.%d@company%d.example", strings.ToLower(name), i, i/100)
}

// seedChunk are the users of one transaction.
const seedChunk = 10_000

// SeedCrowd fills an empty database. It writes the tables directly: what is measured is how they are read.
func SeedCrowd(ctx context.Context, db *sqldb.DB, c Crowd, say io.Writer) error {
	if err := c.check(); err != nil {
		return err
	}
	began := time.Now()
	organizations, err := c.organizations(ctx, db)
	if err != nil {
		return err
	}
	for from := 0; from < c.Users; from += seedChunk {
		to := min(from+seedChunk, c.Users)
		if err := db.Update(ctx, func(tx *sqldb.Tx) error { return c.load(ctx, tx, organizations, from, to) }); err != nil {
			return err
		}
		if to%(10*seedChunk) == 0 || to == c.Users {
			fmt.Fprintf(say, "%d of %d users, %s\n", to, c.Users, time.Since(began).Round(time.Second))
		}
	}
	return settle(ctx, db)
}

func detailsText(d directory.Details) string {
	b, _ := json.Marshal(d)
	return string(b)
}
