package firewall

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// podLink is the node's bridge to its pods, as K3s names it; here it is a
// cable with one end in the pods' namespace.
const podLink, podEnd = "cni0", "k3sefwc"

// k3sNode is a node with pods behind it: packets that it forwards arrive in
// the pods' namespace or go back to the peer.
type k3sNode struct {
	*wire
	pods       *namespace
	seen       map[string]int // sockets that see every frame: at the pods' end, at the peer's
	mark       map[string]int // the same for markers
	out        int            // the node's packet socket towards the pods
	toPods     int            // the pods' packet socket towards the node
	podMAC     net.HardwareAddr
	bridgeMAC  net.HardwareAddr
	lastTag    uint16
	podV4, pod [2]netip.Addr
}

func newK3sNode(t *testing.T) *k3sNode {
	t.Helper()
	n := &k3sNode{
		wire: newWire(t), pods: newNamespace(t), seen: map[string]int{}, mark: map[string]int{}, lastTag: 30000,
		podMAC: net.HardwareAddr{2, 0, 0, 0, 42, 10}, bridgeMAC: net.HardwareAddr{2, 0, 0, 0, 42, 1},
		podV4: [2]netip.Addr{netip.MustParseAddr("10.42.0.10"), netip.MustParseAddr("10.42.0.11")},
		pod:   [2]netip.Addr{netip.MustParseAddr("fd42::10"), netip.MustParseAddr("fd42::11")},
	}
	n.pods.ip(t, fmt.Sprintf("link add %s type veth peer name %s netns %d", podEnd, podLink, n.node.tid))
	n.pods.do(t, func() error {
		return os.WriteFile("/proc/sys/net/ipv6/conf/"+podEnd+"/disable_ipv6", []byte("1"), 0)
	})
	n.pods.ip(t, "link set "+podEnd+" address "+n.podMAC.String()+" up")
	n.node.do(t, func() error {
		return errors.Join(
			os.WriteFile("/proc/sys/net/ipv6/conf/"+podLink+"/addr_gen_mode", []byte("1"), 0),
			os.WriteFile("/proc/sys/net/ipv4/conf/"+podLink+"/rp_filter", []byte("0"), 0),
			os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0),
			os.WriteFile("/proc/sys/net/ipv6/conf/all/forwarding", []byte("1"), 0))
	})
	n.node.ip(t, "link set "+podLink+" address "+n.bridgeMAC.String()+" up",
		"addr add 10.42.0.1/24 dev "+podLink, "addr add fd42::1/64 dev "+podLink+" nodad",
		"-6 neigh replace fd09::2 lladdr 02:00:00:00:09:02 dev "+nodeLink,
		"route add 203.0.113.0/24 via 10.9.0.2 dev "+nodeLink, "-6 route add 2001:db8::/32 via fd09::2 dev "+nodeLink)
	for i := range n.pod {
		n.node.ip(t, fmt.Sprintf("neigh replace %s lladdr %s dev %s", n.podV4[i], n.podMAC, podLink),
			fmt.Sprintf("-6 neigh replace %s lladdr %s dev %s", n.pod[i], n.podMAC, podLink))
	}
	n.open(t)
	return n
}

func (n *k3sNode) open(t *testing.T) {
	t.Helper()
	listen := func(name, link string) error {
		var err error
		if n.seen[name], err = packetSocket(link, unix.ETH_P_ALL); err != nil {
			return err
		}
		if err = unix.SetNonblock(n.seen[name], true); err != nil {
			return err
		}
		if n.mark[name], err = packetSocket(link, markerType); err != nil {
			return err
		}
		return unix.SetsockoptTimeval(n.mark[name], unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 10})
	}
	n.pods.do(t, func() (err error) {
		if n.toPods, err = packetSocket(podEnd, 0); err != nil {
			return err
		}
		return listen("pods", podEnd)
	})
	n.peer.do(t, func() error { return listen("peer", peerLink) })
	n.node.do(t, func() (err error) { n.out, err = packetSocket(podLink, 0); return err })
	t.Cleanup(func() {
		for _, fd := range []int{n.seen["pods"], n.seen["peer"], n.mark["pods"], n.mark["peer"], n.out, n.toPods} {
			_ = unix.Close(fd)
		}
	})
}

// tagged gives packets a tag each, none of which was used before: a
// connection that is known already would go its old way.
func (n *k3sNode) tagged(packets []Packet) []probe {
	probes := make([]probe, 0, len(packets))
	for _, p := range packets {
		n.lastTag++
		made := probe{Packet: p, tag: n.lastTag}
		if (p.Proto == "tcp" || p.Proto == "udp") && p.SrcPort == 0 {
			made.SrcPort = n.lastTag
		}
		probes = append(probes, made)
	}
	return probes
}

// arrivals sends packets from where they come and tells where each came to:
// "node", "pods", "peer"; those that are missing came nowhere.
func (n *k3sNode) arrivals(t *testing.T, probes []probe) map[uint16]string {
	t.Helper()
	n.collect(t)
	for _, p := range probes {
		if p.Iif != podLink {
			continue
		}
		n.pods.do(t, func() error {
			frame := n.frame(p)
			copy(frame, n.bridgeMAC)
			copy(frame[6:], n.podMAC)
			_, err := unix.Write(n.toPods, frame)
			return err
		})
	}
	n.peer.do(t, func() error {
		for _, p := range probes {
			if p.Iif == podLink {
				continue
			}
			if _, err := unix.Write(n.wire.out, n.frame(p)); err != nil {
				return err
			}
		}
		_, err := unix.Write(n.wire.out, n.ethernet(markerType, make([]byte, 50)))
		return err
	})
	n.node.do(t, func() error {
		_, err := unix.Read(n.marker, make([]byte, 100))
		return err
	})
	return n.collect(t)
}

func (n *k3sNode) collect(t *testing.T) map[uint16]string {
	t.Helper()
	found := map[uint16]string{}
	buffer := make([]byte, 2048)
	for name, fd := range n.seen {
		for {
			size, from, err := unix.Recvfrom(fd, buffer, 0)
			if errors.Is(err, unix.EAGAIN) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if link, ok := from.(*unix.SockaddrLinklayer); ok && link.Pkttype != unix.PACKET_OUTGOING {
				found[frameTag(buffer[:size])] = name
			}
		}
	}
	for name, fd := range n.raw {
		for {
			size, err := unix.Read(fd, buffer)
			if errors.Is(err, unix.EAGAIN) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			data := buffer[:size]
			if strings.HasSuffix(name, "4") {
				data = data[20:]
			}
			found[segmentTag(map[string]byte{"tcp4": 6, "tcp6": 6, "udp4": 17, "udp6": 17}[name], data)] = "node"
		}
	}
	return found
}

// frameTag reads the tag of a frame; 0 for one that has none.
func frameTag(frame []byte) uint16 {
	switch {
	case len(frame) > 34 && binary.BigEndian.Uint16(frame[12:]) == 0x0800:
		return segmentTag(frame[14+9], frame[34:])
	case len(frame) > 54 && binary.BigEndian.Uint16(frame[12:]) == 0x86dd:
		return segmentTag(frame[14+6], frame[54:])
	}
	return 0
}

func segmentTag(proto byte, segment []byte) uint16 {
	at := 4
	if proto == 17 {
		at = 8
	}
	if len(segment) < at+2 {
		return 0
	}
	return binary.BigEndian.Uint16(segment[at:])
}

// judge reads the node's whole ruleset and gives back what the evaluator says
// of each packet.
func (n *k3sNode) judge(t *testing.T, probes []probe) []Decision {
	t.Helper()
	var decisions []Decision
	n.node.do(t, func() error {
		rules, err := ReadRuleset()
		if err != nil {
			return err
		}
		routes, err := OpenRoutes()
		if err != nil {
			return err
		}
		defer func() { _ = routes.Close() }()
		judge := rules.Judge(routes)
		for _, p := range probes {
			located, err := judge.Locate(p.Packet)
			if err != nil {
				return err
			}
			decisions = append(decisions, judge.Decide(located))
		}
		return nil
	})
	return decisions
}

// travellers are random packets of every kind: to the node, through it to the
// pods, from the pods, and to where nobody is.
func (n *k3sNode) travellers(random *rand.Rand, count int) []Packet {
	var packets []Packet
	for range count {
		p := Packet{Iif: nodeLink, Src: pick(random, pool()), Proto: pick(random, []string{"tcp", "tcp", "udp"}), DstPort: pick(random, ports())}
		if random.IntN(4) == 0 {
			p.Iif, p.Src = podLink, pick(random, []netip.Addr{n.podV4[0], n.podV4[1], n.pod[0], n.pod[1]})
		}
		four := []netip.Addr{n.nodeV4, n.nodeV4, n.podV4[0], n.podV4[1], netip.MustParseAddr("203.0.113.9")}
		six := []netip.Addr{n.nodeV6, n.nodeV6, n.pod[0], n.pod[1], netip.MustParseAddr("2001:db8::9")}
		p.Dst = pick(random, map[bool][]netip.Addr{true: four, false: six}[p.Src.Is4()])
		if p.Proto == "tcp" {
			p.TCPFlags = pick(random, []uint8{0, 0, TCPAck})
		}
		packets = append(packets, p)
	}
	return packets
}
