package directory

// What a declarative file needs to ask before it writes.

// IsSlug reports whether a text can be an organization's slug.
func IsSlug(s string) bool { return slugForm.MatchString(s) }

// CheckClientID refuses what cannot be an application's client id.
func CheckClientID(id string) error { return checkClientID(id) }
