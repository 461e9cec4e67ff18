package inventory

import (
	"encoding/binary"
	"net/netip"
)

func validateNetwork(c Cluster, f *findings) {
	n := c.Network
	if f.require(n.CIDR.IsValid(), "network.cidr", "name the LAN of the nodes, such as 10.0.0.0/24") {
		validateCIDR(n.CIDR, f)
	}
	if c.Provider.Proxmox != nil {
		f.require(n.Gateway.IsValid(), "network.gateway", "name the router of the LAN, such as 10.0.0.1")
	}
	if n.Gateway.IsValid() {
		validateMember(f, "network.gateway", n.Gateway, n.CIDR)
	}
	if n.IPv6 != nil {
		validateNetwork6(*n.IPv6, f)
	}
	for i, dns := range n.DNS {
		f.check(isUnicast(dns) || dns == n.Gateway, indexPath("network.dns", i), "not the address of a server", "name a DNS server that the nodes can reach")
	}
}

func validateCIDR(cidr netip.Prefix, f *findings) {
	const path = "network.cidr"
	if !f.check(cidr.Addr().Is4(), path, "not an IPv4 network", "the nodes need IPv4 addresses") {
		return
	}
	if !f.check(cidr == cidr.Masked(), path, "has bits set behind its length", "the network is "+cidr.Masked().String()) {
		return
	}
	f.check(cidr.Bits() >= 8 && cidr.Bits() <= 30, path, "not the size of a LAN", "lengths from /8 to /30 are usable")
}

func validateNetwork6(n Network6, f *findings) {
	const path = "network.ipv6.cidr"
	if !f.require(n.CIDR.IsValid(), path, "name the LAN's network, such as fd00:1::/64") {
		return
	}
	f.check(isNetwork6(n.CIDR) && n.CIDR.Bits() <= 126, path, "not an IPv6 network for machines", "name the LAN's own, such as fd00:1::/64")
	f.check(!n.Gateway.IsValid() || n.CIDR.Contains(n.Gateway) || n.Gateway.IsLinkLocalUnicast(), "network.ipv6.gateway", "not inside "+n.CIDR.String(),
		"name the router's address there, or its link-local one")
}

// isNetwork6 reports whether machines can have addresses of p.
func isNetwork6(p netip.Prefix) bool {
	a := p.Addr()
	return a.Is6() && isUnicast(a) && !a.IsLinkLocalUnicast() && p == p.Masked() && p.Bits() >= 8
}

// validateMember checks an address that a machine in cidr has.
func validateMember(f *findings, path string, a netip.Addr, cidr netip.Prefix) bool {
	if !cidr.IsValid() || !cidr.Addr().Is4() {
		return false // reported at network.cidr
	}
	hint := "choose an address between the first and the last of " + cidr.Masked().String()
	return f.check(cidr.Contains(a), path, "not inside "+cidr.Masked().String(), hint) &&
		f.check(a != cidr.Masked().Addr(), path, "the network's own address", hint) &&
		f.check(a != broadcast(cidr), path, "the network's broadcast address", hint)
}

// broadcast is the last address of an IPv4 network.
func broadcast(cidr netip.Prefix) netip.Addr {
	first := cidr.Masked().Addr().As4()
	last := binary.BigEndian.Uint32(first[:]) | uint32(1<<(32-cidr.Bits())-1)
	return netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, last)))
}

// isUnicast reports whether a can be the address of another machine.
func isUnicast(a netip.Addr) bool {
	return a.IsValid() && a.Zone() == "" && !a.Is4In6() && !a.IsUnspecified() && !a.IsLoopback() && !a.IsMulticast() &&
		a != netip.AddrFrom4([4]byte{255, 255, 255, 255})
}
