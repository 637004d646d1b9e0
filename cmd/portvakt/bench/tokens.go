package bench

import (
	"context"
	"net/http"
	"net/url"
	"sync"
)

// measureUse compares what applications do with a token: userinfo and introspection, which read once, with a floor that
// answers fixed bytes, and refreshing, which writes once and signs twice, with a floor that signs once.
func measureUse(ctx context.Context, cfg Config, subject, floor *child) ([]Figure, error) {
	h, err := signIn(subject.addr)
	if err != nil {
		return nil, err
	}
	userinfo := func(int) (*http.Request, error) {
		req, err := http.NewRequest(http.MethodGet, "http://"+h.addr+"/oauth2/userinfo", nil)
		if err == nil {
			req.Header.Set("Authorization", "Bearer "+h.access)
		}
		return req, err
	}
	introspect := func(int) (*http.Request, error) {
		return form(h.addr, "/oauth2/introspect", url.Values{"token": {h.access}})
	}
	var figures []Figure
	for _, m := range []struct {
		name string
		next func(int) (*http.Request, error)
	}{{"userinfo / floor server", userinfo}, {"introspection / floor server", introspect}} {
		mine, bare, err := compare(ctx, cfg, measured{subject, m.next}, measured{floor, get("http://" + floor.addr + "/document")})
		if err != nil {
			return figures, err
		}
		figures = append(figures, Figure{Name: m.name, Subject: mine, Floor: bare, Unit: "µs"})
	}
	refreshed, err := measureRefresh(cfg, subject)
	if err != nil {
		return figures, err
	}
	_, bare, err := compare(ctx, cfg, measured{subject, userinfo}, measured{floor, tokenRequest("floor " + floor.addr)})
	return append(figures, Figure{Name: "refresh (durable) / floor server, one signature", Subject: refreshed, Floor: bare, Unit: "µs"}), err
}

// measureRefresh is the server's processor time for a refresh. Each worker rotates a family of its own: a refresh token
// works once.
func measureRefresh(cfg Config, subject *child) (float64, error) {
	holders := make([]*holder, cfg.Workers)
	for i := range holders {
		var err error
		if holders[i], err = signIn(subject.addr); err != nil {
			return 0, err
		}
	}
	each := max(cfg.Requests/cfg.Workers/10, 10)
	micros, _, err := subject.cost(each*cfg.Workers, func() error {
		var group sync.WaitGroup
		failures := make(chan error, cfg.Workers)
		for _, h := range holders {
			group.Go(func() {
				for range each {
					if err := h.redeem(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {h.refresh}}); err != nil {
						failures <- err
						return
					}
				}
			})
		}
		group.Wait()
		close(failures)
		return <-failures
	})
	return micros, err
}
