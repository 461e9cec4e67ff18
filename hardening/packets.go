package hardening

import (
	"fmt"
	"net/netip"

	"github.com/k3sedge/k3sedge/hardening/firewall"
)

// uplink stands for the interface by which the network reaches the node.
const uplink = "eth0"

// ICMP types without which a network does not work (RFC 4890 for version 6).
const (
	icmpUnreachable  = 3 // carries "fragmentation needed"
	icmpEcho         = 8
	icmp6TooBig      = 2
	icmp6RouterAdv   = 134
	icmp6NeighbourIn = 135
	icmp6Neighbour   = 136
)

// livePaths are what must live on every node besides SSH: answers, the node's
// own loopback, and the ICMP that networks cannot do without.
func (p Policy) livePaths() []Path {
	var out []Path
	add := func(from, door string, packet firewall.Packet) {
		out = append(out, Path{"FW-04", from, door, packet, firewall.Accepted})
	}
	for _, from := range []netip.Addr{outside4(), outside6()} {
		answer := p.to(from, "tcp")
		answer.SrcPort, answer.DstPort, answer.CTState = 443, 40000, firewall.CTEstablished
		add("outside", "an answer", answer)
	}
	for _, lo := range []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()} {
		add("the node itself", "loopback", firewall.Packet{Iif: "lo", Src: lo, Dst: lo, Proto: "tcp", DstPort: 10248, Local: true})
	}
	for _, icmp := range []uint8{icmpUnreachable, icmpEcho} {
		packet := p.to(outside4(), "icmp")
		packet.ICMPType = icmp
		add("outside", fmt.Sprintf("ICMP type %d", icmp), packet)
	}
	for _, icmp := range []uint8{icmp6TooBig, icmp6RouterAdv, icmp6NeighbourIn, icmp6Neighbour} {
		packet := p.to(outside6(), "icmpv6")
		packet.ICMPType = icmp
		if icmp >= icmp6RouterAdv {
			packet.Src, packet.CTState = netip.MustParseAddr("fe80::1"), firewall.CTUntracked
		}
		add("outside", fmt.Sprintf("ICMPv6 type %d", icmp), packet)
	}
	// The question goes to a multicast group, so that the answer belongs to no
	// connection: without it a node loses its address when the lease ends.
	lease := p.to(netip.MustParseAddr("fe80::1"), "udp")
	lease.SrcPort, lease.DstPort = 547, 546
	add("LAN", "a DHCPv6 answer", lease)
	return out
}

// adminPaths are SSH packets of those who may and of those who may not. Those
// of running sessions are no SYNs: a rule that lets in SYNs only would cut off
// every open session, ours among them, when connection tracking begins.
func (p Policy) adminPaths() []Path {
	var out []Path
	for _, from := range p.adminSamples() {
		packet := p.ssh(from)
		out = append(out, Path{"FW-08", "admin", "SSH", packet, firewall.Accepted})
		packet.TCPFlags = firewall.TCPAck
		out = append(out, Path{"FW-08", "admin", "running SSH session", packet, firewall.Accepted})
	}
	for _, from := range p.strangers() {
		out = append(out, Path{"FW-08", p.classOf(from), "SSH", p.ssh(from), firewall.Dropped})
	}
	return out
}

// to is a packet for the node itself, coming in from the network.
func (p Policy) to(from netip.Addr, proto string) firewall.Packet {
	node := p.Address
	if from.Is6() && p.Address6.IsValid() {
		node = p.Address6
	}
	if node.Is4() != from.Is4() {
		node = map[bool]netip.Addr{true: netip.AddrFrom4([4]byte{192, 0, 2, 11}), false: netip.MustParseAddr("2001:db8::11")}[from.Is4()]
	}
	return firewall.Packet{Iif: uplink, Src: from, Dst: node, Proto: proto, Local: true}
}

func (p Policy) ssh(from netip.Addr) firewall.Packet {
	packet := p.to(from, "tcp")
	packet.DstPort = uint16(p.SSHPort)
	return packet
}

// adminSamples are the first and the last address of every allowed network.
func (p Policy) adminSamples() []netip.Addr {
	var out []netip.Addr
	for _, allowed := range p.AllowFrom {
		out = append(out, adminAddress(allowed))
		if !allowed.IsSingleIP() {
			out = append(out, lastAddress(allowed))
		}
	}
	return out
}

// strangers are addresses that may not log in: from outside, of the other
// nodes, and right beside every allowed network.
func (p Policy) strangers() []netip.Addr {
	candidates := append([]netip.Addr{outside4(), outside6()}, p.Peers...)
	for _, allowed := range p.AllowFrom {
		candidates = append(candidates, allowed.Masked().Addr().Prev(), lastAddress(allowed).Next())
	}
	var out []netip.Addr
	for _, a := range candidates {
		if a.IsValid() && !p.Allows(a) {
			out = append(out, a)
		}
	}
	return out
}

func lastAddress(p netip.Prefix) netip.Addr {
	b := p.Masked().Addr().AsSlice()
	for bit := p.Bits(); bit < len(b)*8; bit++ {
		b[bit/8] |= 0x80 >> (bit % 8)
	}
	last, _ := netip.AddrFromSlice(b) // as long as the address it came from
	return last
}
