package outgoing

import (
	"context"
	"fmt"
	"net/netip"
	"syscall"
)

// prefixes parses a table.
func prefixes(texts ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(texts))
	for i, t := range texts {
		out[i] = netip.MustParsePrefix(t)
	}
	return out
}

var (
	// metadata are the addresses where clouds hand out their credentials. No allow-list opens them.
	metadata = prefixes("169.254.169.254/32", "169.254.170.2/32", "169.254.170.23/32", "168.63.129.16/32", "100.100.100.200/32", "192.0.0.192/32",
		"fd00:ec2::254/128", "fd00:ec2::23/128", "fd20:ce::254/128")

	// special are the networks of the registries of RFC 6890 that are not the public internet, as far as netip has no
	// predicate for them: "this" network, carrier-grade NAT, protocol assignments, documentation, 6to4, benchmarks,
	// reserved; Teredo and its neighbours, documentation, 6to4 (an IPv4 address inside an IPv6 one).
	special = prefixes("0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24",
		"203.0.113.0/24", "240.0.0.0/4", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")

	// public6 is all of IPv6 that is handed out. NAT64 (64:ff9b::/96, 64:ff9b:1::/48), IPv4-compatible addresses (::/96),
	// unique-local and link-local ones are outside.
	public6 = netip.MustParsePrefix("2000::/3")
)

// control runs for every address that is about to be dialled.
func (c *Client) control(_ context.Context, network, address string, _ syscall.RawConn) error {
	target, err := netip.ParseAddrPort(address)
	if err != nil || network != "tcp4" && network != "tcp6" {
		return fmt.Errorf("%w: %s %s", ErrRefused, network, address)
	}
	if why := c.judge(target.Addr()); why != "" {
		return fmt.Errorf("%w: %s", ErrRefused, why)
	}
	return nil
}

// judge says why an address is refused, "" if it is not.
func (c *Client) judge(addr netip.Addr) string {
	addr = addr.Unmap().WithZone("")
	if within(addr, metadata) {
		return addr.String() + " hands out the credentials of a cloud"
	}
	if within(addr, c.cfg.AllowNetworks) || c.cfg.AllowLoopback && addr.IsLoopback() {
		return ""
	}
	switch {
	case addr.IsLoopback():
		return addr.String() + " is this machine"
	case addr.IsPrivate():
		return addr.String() + " is in a private network"
	case !addr.IsGlobalUnicast(), within(addr, special), addr.Is6() && !public6.Contains(addr):
		return addr.String() + " is no public address"
	}
	return ""
}

func within(addr netip.Addr, networks []netip.Prefix) bool {
	for _, n := range networks {
		if n.Contains(addr) {
			return true
		}
	}
	return false
}
