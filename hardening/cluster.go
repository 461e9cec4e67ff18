package hardening

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/k3sedge/k3sedge/hardening/facts"
	"github.com/k3sedge/k3sedge/hardening/firewall"
	"github.com/k3sedge/k3sedge/inventory"
)

// The ports of K3s and of the edge (K3s docs, "Requirements", inbound rules).
const (
	portAPI      = 6443
	portKubelet  = 10250
	portVXLAN    = 8472 // udp
	portEtcd     = 2379
	portEtcdPeer = 2380
	portHTTP     = 80
	portHTTPS    = 443
)

// ClusterPolicy is what a node of a K3s cluster shall hold on top.
type ClusterPolicy struct {
	Pods firewall.Pods
	// Server is true where the API runs, Servers are the addresses of all
	// such nodes, the node's own among them.
	Server  bool
	Servers []netip.Addr
	// APIFrom may reach the API besides the nodes, Web the ports 80 and 443.
	APIFrom, Web []netip.Prefix
	Edge         EdgePolicy
}

// clusterPolicy is nil for machines without K3s. published are the sources
// outside of the LAN that the edge's mode lets in.
func clusterPolicy(c inventory.Cluster, n inventory.Node, published []netip.Prefix) *ClusterPolicy {
	if c.K3s == nil {
		return nil
	}
	p := &ClusterPolicy{
		Pods:    firewall.Pods{PodCIDR: c.K3s.PodCIDR, ServiceCIDR: c.K3s.ServiceCIDR},
		Server:  n.Role == inventory.Server,
		APIFrom: c.K3s.AllowFrom,
		Web:     append([]netip.Prefix{c.Network.CIDR}, published...),
		Edge:    edgePolicy(c, published),
	}
	if c.Edge != nil {
		p.Web = append(p.Web, c.Edge.AllowFrom...)
	}
	for _, other := range c.Nodes {
		if other.Role == inventory.Server {
			p.Servers = append(p.Servers, other.Address)
		}
	}
	return p
}

// open are the ports of K3s and the edge, each for exactly those who need it.
func (p Policy) open() []firewall.Port {
	if p.Cluster == nil {
		return nil
	}
	peers := singles(p.Peers)
	ports := []firewall.Port{
		{Proto: "tcp", Port: portHTTP, Sources: p.Cluster.Web},
		{Proto: "tcp", Port: portHTTPS, Sources: p.Cluster.Web},
	}
	if len(peers) > 0 {
		ports = append(ports,
			firewall.Port{Proto: "tcp", Port: portKubelet, Sources: peers},
			firewall.Port{Proto: "udp", Port: portVXLAN, Sources: peers})
	}
	if api := slices.Concat(peers, p.Cluster.APIFrom); p.Cluster.Server && len(api) > 0 {
		ports = append(ports, firewall.Port{Proto: "tcp", Port: portAPI, Sources: api})
	}
	if members := p.etcdPeers(); len(members) > 0 {
		ports = append(ports,
			firewall.Port{Proto: "tcp", Port: portEtcd, Sources: members},
			firewall.Port{Proto: "tcp", Port: portEtcdPeer, Sources: members})
	}
	return ports
}

// etcdPeers are the other servers, for a server.
func (p Policy) etcdPeers() []netip.Prefix {
	if !p.Cluster.Server {
		return nil
	}
	return singles(slices.DeleteFunc(slices.Clone(p.Cluster.Servers), func(a netip.Addr) bool { return a == p.Address }))
}

func singles(addresses []netip.Addr) []netip.Prefix {
	var out []netip.Prefix
	for _, a := range addresses {
		out = append(out, netip.PrefixFrom(a, a.BitLen()))
	}
	return out
}

// onCluster says whether a control on K3s applies.
func onCluster(_ *facts.Facts, p Policy) (bool, string) {
	return p.Cluster != nil, "k3sedge.yaml has no k3s section: nothing of K3s runs here"
}

func clusterControls() []Control {
	rules := func(*facts.Facts, Policy) Mend { return Mend{Ruleset: true} }
	control := func(c Control, probes func(Policy) []probe, want string) Control {
		c.Needs, c.Applies, c.Mend = []Part{PartFirewall}, onCluster, rules
		c.Check = func(f *facts.Facts, p Policy) Verdict { return checkProbes(f, probes(p), want) }
		return c
	}
	return []Control{
		control(Control{
			ID: "FW-05", Title: "NodePort, hostPort and ServiceLB are judged before destination NAT", Severity: High,
			Why:  "kube-proxy rewrites the destination before any input rule sees it, so a NodePort walks past an ordinary host firewall",
			Refs: []string{"klipper-lb#75", "k3s#10980"},
		}, nodePortProbes, "no port of the range 30000 to 32767 is reachable from outside"),
		control(Control{
			ID: "FW-06", Title: "The forward chain is closed to strangers", Severity: High,
			Why:  "a node that forwards for everybody is a router into the pod network",
			Refs: []string{"CIS Debian 12 4.3.8", "k3os#600"},
		}, forwardProbes, "pods reach out, nobody reaches pods"),
		control(Control{
			ID: "FW-07", Title: "Pods reach their node", Severity: High,
			Why:  "a pod that cannot ask the API or the kubelet looks like a broken cluster",
			Refs: []string{"K3s docs, Requirements"},
		}, podProbes, "pods are let in by cni0 and flannel.1"),
		control(Control{
			ID: "FW-09", Title: "6443 is open to the nodes and to those that the file names", Severity: High,
			Why:  "the API is reached through SSH, so nobody else needs the port",
			Refs: []string{"K3s docs, Requirements"},
		}, apiProbes, "6443 for nodes and k3s.allowFrom only, on servers only"),
		control(Control{
			ID: "FW-10", Title: "Ports between the nodes are closed to everybody else", Severity: High,
			Why:  "whoever reaches 8472/udp can put packets into the pod network",
			Refs: []string{"K3s docs, Requirements"},
		}, peerProbes, "10250/tcp, 8472/udp and etcd's ports for nodes only"),
		control(Control{
			ID: "FW-11", Title: "80 and 443 are open as the edge's mode says", Severity: High,
			Why:  "a service for the LAN must not be one router setting away from the internet",
			Refs: []string{"Cloudflare, IP ranges"},
		}, webProbes, "80 and 443 for the LAN and what edge.mode and edge.allowFrom add"),
		control(Control{
			ID: "FW-13", Title: "Addresses of pods and services are not taken from outside", Severity: Medium,
			Why:  "a forged pod address would pass for a neighbour",
			Refs: []string{"CIS Debian 12 4.3.6"},
		}, forgedProbes, "a pod's or a service's address that comes in by the network is dropped"),
	}
}

// portProbe is a new connection from an address to a port of the node.
func (p Policy) portProbe(from netip.Addr, proto string, port uint16, allowed bool) probe {
	packet := p.to(from, proto)
	packet.DstPort = port
	want := firewall.Dropped
	if allowed {
		want = firewall.Accepted
	}
	return probe{fmt.Sprintf("%s/%d from %s", proto, port, from), packet, want}
}

// callers are an address of every kind: outside, the LAN's neighbours of the
// nodes, the nodes, and those whom the file names.
func (p Policy) callers() []netip.Addr {
	out := append([]netip.Addr{outside4(), outside6()}, p.Peers...)
	for _, network := range slices.Concat(p.Cluster.Web, p.Cluster.APIFrom, p.AllowFrom) {
		for _, a := range []netip.Addr{adminAddress(network), lastAddress(network), network.Masked().Addr().Prev(), lastAddress(network).Next()} {
			if a.IsValid() && a != p.Address && !inside(a, p.Cluster.Pods.PodCIDR, p.Cluster.Pods.ServiceCIDR) && !a.IsLoopback() && !a.IsUnspecified() {
				out = append(out, a)
			}
		}
	}
	slices.SortFunc(out, netip.Addr.Compare)
	return slices.Compact(out)
}

func inside(a netip.Addr, networks ...netip.Prefix) bool {
	return slices.ContainsFunc(networks, func(n netip.Prefix) bool { return n.Contains(a) })
}

func (p Policy) isPeer(a netip.Addr) bool { return slices.Contains(p.Peers, a) }

// fromEach are the probes of every caller.
func (p Policy) fromEach(probes func(from netip.Addr) []probe) []probe {
	var out []probe
	for _, from := range p.callers() {
		out = append(out, probes(from)...)
	}
	return out
}

func nodePortProbes(p Policy) []probe {
	const first, last = 30000, 32767
	return p.fromEach(func(from netip.Addr) []probe {
		return []probe{
			p.portProbe(from, "tcp", first, false), p.portProbe(from, "udp", first, false),
			p.portProbe(from, "tcp", last, false), p.portProbe(from, "udp", last, false),
		}
	})
}

func apiProbes(p Policy) []probe {
	return p.fromEach(func(from netip.Addr) []probe {
		allowed := p.Cluster.Server && (p.isPeer(from) || inside(from, p.Cluster.APIFrom...))
		return []probe{p.portProbe(from, "tcp", portAPI, allowed)}
	})
}

func peerProbes(p Policy) []probe {
	members := p.etcdPeers()
	return p.fromEach(func(from netip.Addr) []probe {
		return []probe{
			p.portProbe(from, "tcp", portKubelet, p.isPeer(from)),
			p.portProbe(from, "udp", portVXLAN, p.isPeer(from)),
			p.portProbe(from, "tcp", portEtcd, inside(from, members...)),
			p.portProbe(from, "tcp", portEtcdPeer, inside(from, members...)),
		}
	})
}

func webProbes(p Policy) []probe {
	return p.fromEach(func(from netip.Addr) []probe {
		allowed := inside(from, p.Cluster.Web...)
		return []probe{p.portProbe(from, "tcp", portHTTP, allowed), p.portProbe(from, "tcp", portHTTPS, allowed)}
	})
}
