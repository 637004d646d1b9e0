package session

import "net/netip"

// shortened takes the last part of an IPv4 network, which is one address, away: 192.0.2.17/32 becomes 192.0.2.0/24.
func shortened(network string) string {
	p, err := netip.ParsePrefix(network)
	if err != nil {
		return ""
	}
	if p.Addr().Is4() {
		p = netip.PrefixFrom(p.Addr(), 24).Masked()
	} else {
		p = netip.PrefixFrom(p.Addr(), 48).Masked()
	}
	return p.String()
}
