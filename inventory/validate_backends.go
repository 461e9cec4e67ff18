package inventory

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
)

// maxBackends is how many addresses an EndpointSlice is made for.
const maxBackends = 100

// edgePorts are what Traefik listens on; the last one is the tunnel's.
func edgePorts() []uint16 { return []uint16{80, 443, 8444} }

func loopbackOf(p netip.Prefix) netip.Addr {
	if p.Addr().Is4() {
		return netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	return netip.IPv6Loopback()
}

func validateBackends(c Cluster, s Service, f *findings) {
	if !f.require(len(s.To) > 0, "to", "name the address and port where it runs, such as 10.0.0.20:3000") {
		return
	}
	f.check(len(s.To) <= maxBackends, "to", fmt.Sprintf("more than %d servers", maxBackends), "put a load balancer of their own before them")
	seen := map[netip.Addr]int{}
	for i, to := range s.To {
		path := indexPath("to", i)
		a, err := netip.ParseAddrPort(to)
		if !f.check(err == nil, path, "not address:port", backendHint(to)) ||
			!f.check(a.Port() != 0, path, "not a port", "ports go from 1 to 65535") ||
			!f.tell(path, checkBackend(c, a)) {
			continue
		}
		if first, ok := seen[a.Addr()]; ok {
			f.tell(path, sameAddress(indexPath("to", first), netip.MustParseAddrPort(s.To[first]) == a))
			continue
		}
		seen[a.Addr()] = i
	}
}

// backendHint says how to write what is no address:port.
func backendHint(to string) string {
	const hint = "write it like 10.0.0.20:3000"
	if a, err := netip.ParseAddr(to); err == nil {
		return fmt.Sprintf("write the port too, such as %s", netip.AddrPortFrom(a, 3000))
	}
	if strings.Contains(to, "/") {
		return hint + "; what it speaks goes to the key scheme"
	}
	host, _, err := net.SplitHostPort(to)
	if _, notIP := netip.ParseAddr(host); err == nil && notIP != nil && isHostName(strings.ToLower(host)) {
		return hint + "; the edge does not ask DNS for it"
	}
	return hint
}

// sameAddress is a second server at one address, of which Traefik would take
// the first port only.
func sameAddress(first string, samePort bool) *fault {
	if samePort {
		return &fault{"the same as " + first, "each needs its own"}
	}
	return &fault{"the address of " + first + " with another port, which Traefik would pass over", "make it a service of its own"}
}

// checkBackend looks for addresses that no server in the LAN can have. Kubernetes refuses
// some of them, the others fail later.
func checkBackend(c Cluster, to netip.AddrPort) *fault {
	const hint = "name the server's address in the LAN"
	a := to.Addr()
	switch {
	case a.Is4In6():
		return &fault{"an IPv4 address in IPv6 form", "write " + netip.AddrPortFrom(a.Unmap(), to.Port()).String()}
	case specialUse(a) != "":
		return &fault{specialUse(a), hint}
	case isLimitOf(c.Network.CIDR, a):
		return &fault{"a network's or broadcast address", hint}
	case slices.ContainsFunc(c.Nodes, func(n Node) bool { return slices.Contains(n.Addresses(), a) }) && slices.Contains(edgePorts(), to.Port()):
		return &fault{"the edge itself: requests would go round in a circle", "name the server behind it"}
	}
	for i, network := range c.K3s.Networks() {
		if network.Contains(a) {
			key := []string{"podCIDR", "serviceCIDR", "ipv6.podCIDR", "ipv6.serviceCIDR"}[i]
			return &fault{"inside k3s." + key + ", which is the cluster's own", hint}
		}
	}
	return nil
}

// specialUse says which kind of address a is that no server has, or nothing.
func specialUse(a netip.Addr) string {
	switch {
	case a.IsLoopback():
		return "a loopback address, which on the nodes is the node itself"
	case a.IsUnspecified():
		return "no address of one server"
	case a.IsLinkLocalUnicast() || a.Zone() != "":
		return "a link-local address, which Kubernetes does not accept"
	case a.IsMulticast():
		return "a multicast address"
	case a == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return "a network's or broadcast address"
	}
	return ""
}

// isLimitOf reports whether a is the first or the last address of a LAN.
func isLimitOf(cidr netip.Prefix, a netip.Addr) bool {
	return cidr.IsValid() && cidr.Addr().Is4() && (a == cidr.Masked().Addr() || a == broadcast(cidr))
}

func validateBackendTLS(s Service, f *findings) {
	f.checkWord("scheme", string(s.Scheme), string(SchemeHTTP), string(SchemeHTTPS))
	if s.TLS == nil {
		return
	}
	f.check(s.Scheme == SchemeHTTPS, "tls", "needs scheme: https", "write scheme: https, or take tls out")
	f.check(s.TLS.ServerName == "" || isNameOrAddress(s.TLS.ServerName), "tls.serverName", "neither a host name nor an address", "write the name in the server's certificate, such as pve.lan")
	if s.TLS.CA == "" {
		return
	}
	f.check(!s.TLS.Insecure, "tls.ca", "excludes tls.insecure", "keep ca, and take insecure out")
	const hint = "name a PEM file with the authority's certificates: file:PATH"
	file, ok := strings.CutPrefix(s.TLS.CA, "file:")
	if f.check(ok && file != "", "tls.ca", "not file:PATH", hint) {
		validateCA(f, "tls.ca", file, hint)
	}
}
