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
func (p Policy) pod() netip.Addr { return p.Cluster.Pods.PodCIDR.Masked().Addr().Next().Next() }

func (p Policy) farPod() netip.Addr { return lastAddress(p.Cluster.Pods.PodCIDR).Prev() }

func podProbes(p Policy) []probe {
	var out []probe
	for _, port := range []uint16{portAPI, portKubelet} {
		for _, link := range []string{podBridge, podOverlay} {
			packet := p.to(p.pod(), "tcp")
			packet.Iif, packet.DstPort = link, port
			out = append(out, probe{"a pod by " + link, packet, firewall.Accepted})
		}
	}
	return out
}

func forwardProbes(p Policy) []probe {
	through := func(iif, oif string, src, dst netip.Addr) firewall.Packet {
		return firewall.Packet{Iif: iif, Oif: oif, Src: src, Dst: dst, Proto: "tcp", DstPort: 8080}
	}
	lan := outside4()
	return []probe{
		{"a pod to the world", through(podBridge, uplink, p.pod(), lan), firewall.Accepted},
		{"a pod to another node's", through(podBridge, podOverlay, p.pod(), p.farPod()), firewall.Accepted},
		{"another node's pod to ours", through(podOverlay, podBridge, p.farPod(), p.pod()), firewall.Accepted},
		{"a stranger to a pod", through(uplink, podBridge, lan, p.pod()), firewall.Dropped},
		{"a stranger through the node", through(uplink, uplink, lan, netip.AddrFrom4([4]byte{198, 51, 100, 9})), firewall.Dropped},
		{"another node's pod to the world", through(podOverlay, uplink, p.farPod(), lan), firewall.Dropped},
		{"a foreign address by the pods' bridge", through(podBridge, uplink, outside4(), netip.AddrFrom4([4]byte{198, 51, 100, 9})), firewall.Dropped},
	}
}

func forgedProbes(p Policy) []probe {
	var out []probe
	for _, from := range []netip.Addr{p.pod(), p.Cluster.Pods.ServiceCIDR.Masked().Addr().Next()} {
		packet := p.to(from, "tcp")
		packet.DstPort = portHTTPS
		out = append(out, probe{from.String() + " by " + uplink, packet, firewall.Dropped})
		reply := packet
		reply.CTState = firewall.CTEstablished
		out = append(out, probe{from.String() + " as an answer by " + uplink, reply, firewall.Dropped})
	}
	return out
}
