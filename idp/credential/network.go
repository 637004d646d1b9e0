package credential

import "net/netip"

// Network is what attempts are counted by for an address: one IPv4 address, or the /64 that one subscriber of IPv6 has
// to himself. False for what says nothing about where somebody is: the machine itself, and what is no address.
func Network(from string) (string, bool) {
	addr, err := netip.ParseAddr(from)
	if err != nil {
		withPort, err := netip.ParseAddrPort(from)
		if err != nil {
			return "", false
		}
		addr = withPort.Addr()
	}
	addr = addr.Unmap().WithZone("")
	if addr.IsLoopback() || addr.IsUnspecified() {
		return "", false
	}
	bits := addr.BitLen()
	if addr.Is6() {
		bits = 64
	}
	network, err := addr.Prefix(bits)
	return network.String(), err == nil
}
