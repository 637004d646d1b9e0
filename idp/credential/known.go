package credential

import "time"

// KnownFor is how long a browser in which a person has signed in counts as known.
const KnownFor = 180 * 24 * time.Hour

// Visitor is where an attempt comes from.
type Visitor struct {
	Address string // of the network
	Browser string // the token with which Remember made the browser known; "" for one that is not
}
