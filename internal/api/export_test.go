package api

// RoutesForTest are all routes with their scopes.
func RoutesForTest() []string {
	var out []string
	for _, r := range routes() {
		out = append(out, r.method+" "+r.path+" "+r.scope)
	}
	return out
}
