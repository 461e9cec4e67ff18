package hardening

import (
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
	// NodePorts are in this range unless somebody says otherwise.
	firstNodePort = 30000
	lastNodePort  = 32767
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
		Pods:    podNetworks(*c.K3s),
		Server:  n.Role == inventory.Server,
		APIFrom: c.K3s.AllowFrom,
		Web:     append([]netip.Prefix{c.Network.CIDR}, published...),
		Edge:    edgePolicy(c, published),
	}
	if c.Network.IPv6 != nil {
		p.Web = append(p.Web, c.Network.IPv6.CIDR)
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

func podNetworks(k inventory.K3s) firewall.Pods {
	out := firewall.Pods{PodCIDR: k.PodCIDR, ServiceCIDR: k.ServiceCIDR}
	if k.IPv6 != nil {
		out.PodCIDR6, out.ServiceCIDR6 = k.IPv6.PodCIDR, k.IPv6.ServiceCIDR
	}
	return out
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
