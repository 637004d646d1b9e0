package session

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"github.com/mileusna/useragent"

	"portvakt/internal/directory"
)

// EventSharedUse is the event of an account that looks as if several people used it, at most once a day.
const EventSharedUse = "user.shared_use"

// SharedUseEvent is what that event says. Where from, nobody is told.
type SharedUseEvent struct {
	User    string `json:"user"`
	Day     string `json:"day"` // 2006-01-02, UTC
	Devices int    `json:"devices"`
}

// SharedUse is a day on which somebody's account was used from several devices and networks at the same time (R36). It
// is a hint and no proof, it blocks nothing, and it holds no address.
type SharedUse struct {
	User    directory.UserID
	First   time.Time
	Last    time.Time
	Times   int64 // how often it began that day
	Devices int64 // at the same time, at most
}

// sameTime is how close to each other two uses are at the same time. The use of a session is noted to the minute.
const sameTime = 5 * time.Minute

// keepShared is how long hints are kept.
const keepShared = 90 * 24 * time.Hour

// sighting is where a session was seen.
type sighting struct {
	network netip.Prefix
	mobile  bool
	family  string // browser and system: "Firefox, Windows"
}

// sightingOf reads what a browser says of itself and the address that it came from; false where that tells nothing.
func sightingOf(address, userAgent string) (sighting, bool) {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return sighting{}, false
	}
	ip = ip.Unmap().WithZone("")
	bits := 48
	if ip.Is4() {
		bits = 24
	}
	network, err := ip.Prefix(bits)
	ua := useragent.Parse(userAgent)
	if err != nil || ua.Name == "" {
		return sighting{}, false
	}
	return sighting{network, ua.Mobile || ua.Tablet, ua.Name + ", " + ua.OS}, true
}

// apart reports whether two sightings at the same time look like two people: another device of the same sort, in another
// network. A telephone in somebody's pocket beside the computer on the desk is one person's, whatever network it is in.
func (s sighting) apart(other sighting) bool {
	return s.mobile == other.mobile && s.family != other.family && s.network != other.network
}

// together is how many devices are pairwise apart; less than two is nobody's hint. It begins with each in turn, so that
// the order does not matter to whether there are two.
func together(seen []sighting) int {
	most := 0
	for i := range seen {
		chosen := []sighting{seen[i]}
		for _, s := range seen {
			if !slices.ContainsFunc(chosen, func(c sighting) bool { return !s.apart(c) }) {
				chosen = append(chosen, s)
			}
		}
		most = max(most, len(chosen))
	}
	return most
}

// use is one session in use: where, and in whose organizations.
type use struct {
	user          directory.UserID
	sighting      sighting
	organizations []directory.OrganizationID
}

// sharedBy says for whom the uses of one person look shared: how many devices altogether, and for each organization
// that at least two of them were used for. The neighbour is told of its own alone.
func sharedBy(uses []use) (devices int, of map[directory.OrganizationID]int) {
	var all []sighting
	by := map[directory.OrganizationID][]sighting{}
	for _, u := range uses {
		all = append(all, u.sighting)
		for _, o := range u.organizations {
			by[o] = append(by[o], u.sighting)
		}
	}
	of = map[directory.OrganizationID]int{}
	for o, seen := range by {
		if n := together(seen); n > 1 {
			of[o] = n
		}
	}
	return together(all), of
}

// dayOf counts days since 1970, UTC.
func dayOf(t time.Time) int64 { return t.Unix() / (24 * 60 * 60) }

func latestFirst(a, b SharedUse) int {
	return cmp.Or(b.Last.Compare(a.Last), slices.Compare(a.User[:], b.User[:]))
}
