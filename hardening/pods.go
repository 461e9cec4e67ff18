package hardening

import (
	"net/netip"

	"github.com/k3sedge/k3sedge/hardening/firewall"
)

// The interfaces by which pods come in, as K3s names them.
const (
	podBridge  = "cni0"      // this node's own pods
	podOverlay = "flannel.1" // those of the other nodes
)

// pod and farPod are addresses as pods have them, here and on another node.
// They are the network's last ones, which hardly any pod really has: a network
// policy for one pod is not the firewall's business.
func (p Policy) pod() netip.Addr { return p.farPod().Prev() }

func (p Policy) farPod() netip.Addr { return lastAddress(p.Cluster.Pods.PodCIDR).Prev() }

// neighbour is an address of the LAN.
func (p Policy) neighbour() netip.Addr {
	if len(p.Peers) > 0 {
		return p.Peers[0]
	}
	lan := adminAddress(p.Cluster.Web[0])
	if lan == p.Address {
		return lan.Next()
	}
	return lan
}

func (p Policy) podPaths() []Path {
	var out []Path
	for _, port := range []uint16{portAPI, portKubelet} {
		for _, link := range []string{podBridge, podOverlay} {
			packet := p.to(p.pod(), "tcp")
			packet.Iif, packet.DstPort = link, port
			out = append(out, Path{"FW-07", "pod", "the node", packet, firewall.Accepted})
		}
	}
	return out
}

// forwardPaths are those through the node. Pods have IPv4 addresses only, so
// over IPv6 nothing goes through.
func (p Policy) forwardPaths() []Path {
	through := func(iif, oif string, src, dst netip.Addr) firewall.Packet {
		return firewall.Packet{Iif: iif, Oif: oif, Src: src, Dst: dst, Proto: "tcp", DstPort: 8080}
	}
	elsewhere4, elsewhere6 := netip.AddrFrom4([4]byte{198, 51, 100, 9}), netip.MustParseAddr("2001:db8:fffe::9")
	pod6 := netip.MustParseAddr("fd42::10")
	return []Path{
		{"FW-06", "pod", "the LAN", through(podBridge, uplink, p.pod(), p.neighbour()), firewall.Accepted},
		{"FW-06", "pod", "another node's pod", through(podBridge, podOverlay, p.pod(), p.farPod()), firewall.Accepted},
		{"FW-06", "another node's pod", "a pod", through(podOverlay, podBridge, p.farPod(), p.pod()), firewall.Accepted},
		{"FW-06", "outside", "a pod", through(uplink, podBridge, outside4(), p.pod()), firewall.Dropped},
		{"FW-06", "LAN", "a pod", through(uplink, podBridge, p.neighbour(), p.pod()), firewall.Dropped},
		{"FW-06", "outside", "through the node", through(uplink, uplink, outside4(), elsewhere4), firewall.Dropped},
		{"FW-06", "another node's pod", "the world", through(podOverlay, uplink, p.farPod(), outside4()), firewall.Dropped},
		{"FW-06", "a foreign address", "the world", through(podBridge, uplink, outside4(), elsewhere4), firewall.Dropped},
		{"FW-12", "outside", "a pod", through(uplink, podBridge, outside6(), pod6), firewall.Dropped},
		{"FW-12", "outside", "through the node", through(uplink, uplink, outside6(), elsewhere6), firewall.Dropped},
		{"FW-12", "a foreign address", "the world", through(podBridge, uplink, pod6, outside6()), firewall.Dropped},
	}
}

func (p Policy) forgedPaths() []Path {
	var out []Path
	for _, from := range []netip.Addr{p.pod(), p.Cluster.Pods.ServiceCIDR.Masked().Addr().Next()} {
		packet := p.to(from, "tcp")
		packet.DstPort = portHTTPS
		out = append(out, Path{"FW-13", "a forged address", "web", packet, firewall.Dropped})
		packet.CTState = firewall.CTEstablished
		out = append(out, Path{"FW-13", "a forged address", "an answer", packet, firewall.Dropped})
	}
	return out
}
