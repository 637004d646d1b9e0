package httpserver

import (
	"net/http"
	"net/netip"
	"strings"
)

// maxHops bounds the work that a forged header can cause.
const maxHops = 32

// address is the client's IP address: the peer's, or, where the peer is a trusted proxy, the right-most hop of
// X-Forwarded-For that is none. What stands further left was written by the client and proves nothing. Anything that is
// no address makes the peer the client.
func (g *guard) address(r *http.Request) string {
	peer, ok := parseAddress(r.RemoteAddr)
	if !ok {
		return ""
	}
	forwarded := r.Header["X-Forwarded-For"]
	if len(forwarded) == 0 || !g.trusted(peer) {
		return peer.String()
	}
	client := peer
	hops := 0
	for i := len(forwarded) - 1; i >= 0; i-- {
		for rest, more := forwarded[i], true; more; {
			var hop string
			if cut := strings.LastIndexByte(rest, ','); cut >= 0 {
				rest, hop = rest[:cut], rest[cut+1:]
			} else {
				hop, more = rest, false
			}
			addr, ok := parseAddress(strings.TrimSpace(hop))
			if hops++; !ok || hops > maxHops {
				return peer.String()
			}
			if client = addr; !g.trusted(addr) {
				return addr.String()
			}
		}
	}
	return client.String() // every hop is ours: the request began inside
}

func (g *guard) trusted(addr netip.Addr) bool {
	for _, network := range g.cfg.TrustedProxies {
		if network.Contains(addr) {
			return true
		}
	}
	return false
}

// parseAddress takes an address with or without port. IPv4 in IPv6 counts as IPv4; zones are dropped.
func parseAddress(s string) (netip.Addr, bool) {
	addr, err := netip.ParseAddr(s)
	if err != nil {
		withPort, err := netip.ParseAddrPort(s)
		if err != nil {
			return netip.Addr{}, false
		}
		addr = withPort.Addr()
	}
	return addr.Unmap().WithZone(""), true
}
