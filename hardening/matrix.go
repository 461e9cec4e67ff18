package hardening

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	"github.com/k3sedge/k3sedge/hardening/firewall"
)

// Path is one row of the matrix of paths: a packet of one kind of sender to
// one kind of door, and what must become of it.
type Path struct {
	Control string // that demands it, such as FW-08
	From    string // who sends: outside, LAN, admin, node, pod …
	Door    string // what is asked for: SSH, NodePort, a pod …
	Packet  firewall.Packet
	Want    firewall.Verdict
}

// String names the path as evidence does.
func (p Path) String() string {
	text := fmt.Sprintf("%s from %s %s", p.Door, p.From, p.Packet.Src)
	if p.Packet.Iif != uplink {
		text += " by " + cmp.Or(p.Packet.Iif, "itself")
	}
	return text
}

// Port is the door in figures: tcp/22, icmp 8.
func (p Path) Port() string {
	switch p.Packet.Proto {
	case "icmp", "icmpv6":
		return fmt.Sprintf("%s %d", p.Packet.Proto, p.Packet.ICMPType)
	}
	return fmt.Sprintf("%s/%d", p.Packet.Proto, p.Packet.DstPort)
}

// Matrix is every path that a node must leave open or keep shut. The controls,
// `harden firewall show` and the tests all judge by this one value.
func (p Policy) Matrix() []Path {
	paths := slices.Concat(p.livePaths(), p.adminPaths(), p.doorPaths())
	if p.Cluster != nil {
		paths = slices.Concat(paths, p.podPaths(), p.forwardPaths(), p.forgedPaths())
	}
	return paths
}

// door is a port of the node, and who may knock.
type door struct {
	control, name, proto string
	port                 uint16
	opens                func(from netip.Addr) bool
}

// doors are a port of every kind.
func (p Policy) doors() []door {
	never := func(netip.Addr) bool { return false }
	doors := []door{
		{"FW-03", "DNS", "udp", 53, never}, {"FW-03", "any other port", "tcp", 9100, never}, {"FW-03", "any other port", "udp", 5353, never},
	}
	if p.Cluster != nil {
		doors = append(doors, p.clusterDoors(never)...)
	}
	return slices.DeleteFunc(doors, func(d door) bool { return d.proto == "tcp" && int(d.port) == p.SSHPort })
}

func (p Policy) clusterDoors(never func(netip.Addr) bool) []door {
	web := func(from netip.Addr) bool { return inside(from, p.Cluster.Web...) }
	api := func(from netip.Addr) bool {
		return p.Cluster.Server && (p.isPeer(from) || inside(from, p.Cluster.APIFrom...))
	}
	member := func(from netip.Addr) bool { return inside(from, p.etcdPeers()...) }
	return []door{
		{"FW-11", "web", "tcp", portHTTP, web}, {"FW-11", "web", "tcp", portHTTPS, web},
		{"FW-09", "API", "tcp", portAPI, api},
		{"FW-10", "kubelet", "tcp", portKubelet, p.isPeer}, {"FW-10", "VXLAN", "udp", portVXLAN, p.isPeer},
		{"FW-10", "etcd", "tcp", portEtcd, member}, {"FW-10", "etcd", "tcp", portEtcdPeer, member},
		{"FW-10", "image sharing", "tcp", 5001, never}, {"FW-10", "WireGuard", "udp", 51820, never},
		{"FW-05", "NodePort", "tcp", firstNodePort, never}, {"FW-05", "NodePort", "udp", firstNodePort, never},
		{"FW-05", "NodePort", "tcp", lastNodePort, never}, {"FW-05", "NodePort", "udp", lastNodePort, never},
		{"FW-05", "hostPort or ServiceLB", "tcp", 8080, never}, {"FW-05", "hostPort or ServiceLB", "udp", 8080, never},
	}
}

// doorPaths are new connections of every caller to every door.
func (p Policy) doorPaths() []Path {
	var out []Path
	for _, from := range p.callers() {
		for _, d := range p.doors() {
			packet := p.to(from, d.proto)
			packet.DstPort = d.port
			want := firewall.Dropped
			if d.opens(from) {
				want = firewall.Accepted
			}
			out = append(out, Path{d.control, p.classOf(from), d.name, packet, want})
		}
	}
	return out
}

// classOf is what an address is to the node: the first that fits.
func (p Policy) classOf(a netip.Addr) string {
	switch {
	case p.isPeer(a):
		return "node"
	case p.Allows(a):
		return "admin"
	case p.Cluster != nil && inside(a, p.Cluster.APIFrom...):
		return "API client"
	case p.Cluster != nil && len(p.Cluster.Web) > 0 && p.Cluster.Web[0].Contains(a):
		return "LAN"
	case p.Cluster != nil && inside(a, p.Cluster.Web...):
		return "web client"
	}
	return "outside"
}

// callers are an address of every kind: outside, the LAN's neighbours of the
// nodes, the nodes, and those whom the file names.
func (p Policy) callers() []netip.Addr {
	out := append([]netip.Addr{outside4(), outside6()}, p.Peers...)
	networks := slices.Clone(p.AllowFrom)
	var never []netip.Prefix
	if p.Cluster != nil {
		networks = slices.Concat(p.Cluster.Web, p.Cluster.APIFrom, networks)
		never = p.Cluster.Pods.All()
	}
	for _, network := range networks {
		for _, a := range []netip.Addr{adminAddress(network), lastAddress(network), network.Masked().Addr().Prev(), lastAddress(network).Next()} {
			if a.IsValid() && a != p.Address && a != p.Address6 && !inside(a, never...) && !a.IsLoopback() && !a.IsUnspecified() && !a.IsMulticast() && a != broadcast() {
				out = append(out, a)
			}
		}
	}
	slices.SortFunc(out, netip.Addr.Compare)
	return slices.Compact(out)
}

func broadcast() netip.Addr { return netip.AddrFrom4([4]byte{255, 255, 255, 255}) }

func inside(a netip.Addr, networks ...netip.Prefix) bool {
	return slices.ContainsFunc(networks, func(n netip.Prefix) bool { return n.Contains(a) })
}

func (p Policy) isPeer(a netip.Addr) bool { return slices.Contains(p.Peers, a) }
