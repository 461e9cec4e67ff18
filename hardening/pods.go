package hardening

import (
	"net/netip"

	"github.com/k3sedge/k3sedge/hardening/firewall"
)

// The interfaces by which pods come in, as K3s names them.
const (
	podBridge   = "cni0"         // this node's own pods
	podOverlay  = "flannel.1"    // those of the other nodes
	podOverlay6 = "flannel-v6.1" // the same over IPv6
)

// family is what the paths of pods are made of, for IPv4 or IPv6.
type family struct {
	control                       string // that judges what goes through the node
	overlay                       string
	pods                          netip.Prefix // without one, what comes from a pod is forged
	services                      netip.Prefix
	neighbour, outside, elsewhere netip.Addr
}

func (p Policy) families() []family {
	pods := p.Cluster.Pods
	return []family{
		{"FW-06", podOverlay, pods.PodCIDR, pods.ServiceCIDR, p.neighbour(), outside4(), netip.AddrFrom4([4]byte{198, 51, 100, 9})},
		{"FW-12", podOverlay6, pods.PodCIDR6, pods.ServiceCIDR6, p.neighbour6(), outside6(), netip.MustParseAddr("2001:db8:fffe::9")},
	}
}

// farPod and pod are addresses as pods have them, on another node and here.
// They are the network's last ones, which hardly any pod really has: a network
// policy for one pod is not the firewall's business.
func (f family) farPod() netip.Addr {
	if !f.pods.IsValid() {
		return netip.MustParseAddr("fd42::11")
	}
	return lastAddress(f.pods).Prev()
}

func (f family) pod() netip.Addr { return f.farPod().Prev() }

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

// neighbour6 is one of its network of IPv6, or of any where it has none.
func (p Policy) neighbour6() netip.Addr {
	for _, a := range p.Peers {
		if a.Is6() {
			return a
		}
	}
	return netip.MustParseAddr("2001:db8:1::9")
}

func (p Policy) podPaths() []Path {
	var out []Path
	for _, f := range p.families() {
		if !f.pods.IsValid() {
			continue
		}
		for _, port := range []uint16{portAPI, portKubelet} {
			for _, link := range []string{podBridge, f.overlay} {
				packet := p.to(f.pod(), "tcp")
				packet.Iif, packet.DstPort = link, port
				out = append(out, Path{"FW-07", "pod", "the node", packet, firewall.Accepted})
			}
		}
	}
	return out
}

// forwardPaths are those through the node. Where pods have no addresses of a
// family, nothing of it goes through.
func (p Policy) forwardPaths() []Path {
	var out []Path
	for _, f := range p.families() {
		add := func(from, door, iif, oif string, src, dst netip.Addr, want firewall.Verdict) {
			packet := firewall.Packet{Iif: iif, Oif: oif, Src: src, Dst: dst, Proto: "tcp", DstPort: 8080}
			out = append(out, Path{f.control, from, door, packet, want})
		}
		if f.pods.IsValid() {
			add("pod", "the LAN", podBridge, uplink, f.pod(), f.neighbour, firewall.Accepted)
			add("pod", "another node's pod", podBridge, f.overlay, f.pod(), f.farPod(), firewall.Accepted)
			add("another node's pod", "a pod", f.overlay, podBridge, f.farPod(), f.pod(), firewall.Accepted)
			add("another node's pod", "the world", f.overlay, uplink, f.farPod(), f.outside, firewall.Dropped)
		} else {
			add("a pod's forged address", "the world", podBridge, uplink, f.pod(), f.outside, firewall.Dropped)
		}
		add("outside", "a pod", uplink, podBridge, f.outside, f.pod(), firewall.Dropped)
		add("LAN", "a pod", uplink, podBridge, f.neighbour, f.pod(), firewall.Dropped)
		add("outside", "through the node", uplink, uplink, f.outside, f.elsewhere, firewall.Dropped)
		add("a foreign address", "the world", podBridge, uplink, f.outside, f.elsewhere, firewall.Dropped)
	}
	return out
}

func (p Policy) forgedPaths() []Path {
	var out []Path
	for _, f := range p.families() {
		if !f.pods.IsValid() {
			continue
		}
		for _, from := range []netip.Addr{f.pod(), f.services.Addr().Next()} {
			packet := p.to(from, "tcp")
			packet.DstPort = portHTTPS
			out = append(out, Path{"FW-13", "a forged address", "web", packet, firewall.Dropped})
			packet.CTState = firewall.CTEstablished
			out = append(out, Path{"FW-13", "a forged address", "an answer", packet, firewall.Dropped})
		}
	}
	return out
}
