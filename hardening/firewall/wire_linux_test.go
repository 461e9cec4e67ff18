package firewall

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// needNamespaces skips a test that asks the kernel, where that is not possible.
func needNamespaces(t *testing.T) {
	t.Helper()
	if err := inNewNamespace(func() error { return nil }); err != nil {
		t.Skipf("skipped: asking the kernel's nftables needs root and a network namespace: %v", err)
	}
	if _, err := nftPath(); err != nil {
		t.Skip("skipped: nft is not installed")
	}
}

// namespace is a thread in a network namespace of its own; both end with the test.
type namespace struct {
	tid  int
	work chan func()
}

func newNamespace(t *testing.T) *namespace {
	t.Helper()
	ns := &namespace{work: make(chan func())}
	ready := make(chan error, 2)
	go func() {
		ready <- inNewNamespace(func() error {
			ns.tid = unix.Gettid()
			ready <- nil
			for work := range ns.work {
				work()
			}
			return nil
		})
	}()
	if err := <-ready; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { close(ns.work) })
	return ns
}

func (ns *namespace) do(t *testing.T, work func() error) {
	t.Helper()
	done := make(chan error, 1)
	ns.work <- func() { done <- work() }
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func (ns *namespace) ip(t *testing.T, commands ...string) {
	t.Helper()
	ns.do(t, func() error {
		for _, command := range commands {
			output, err := exec.Command("ip", strings.Fields(command)...).CombinedOutput()
			if err != nil {
				return fmt.Errorf("ip %s: %w: %s", command, err, output)
			}
		}
		return nil
	})
}

// load replaces the node's whole ruleset: the namespace is the test's own.
func (ns *namespace) load(t *testing.T, ruleset string) {
	t.Helper()
	ns.do(t, func() error { return loadText(t.Context(), "flush ruleset\n"+ruleset) })
}

func (ns *namespace) read(t *testing.T, family, name string) *Table {
	t.Helper()
	var table *Table
	ns.do(t, func() error {
		var err error
		table, err = ReadTable(family, name)
		return err
	})
	return table
}

const (
	nodeLink, peerLink = "k3sefwn", "k3sefwp"
	markerType         = 0x88b5 // an EtherType for local experiments
)

// wire is a node with a cable to a peer. What the peer sends and the node's
// input hook lets through arrives at the node's raw sockets.
type wire struct {
	node, peer    *namespace
	out           int // the peer's packet socket
	marker        int // sees markers at the node before any filter
	raw           map[string]int
	nodeMAC       net.HardwareAddr
	nodeV4        netip.Addr
	nodeV6        netip.Addr
	peerV4        netip.Addr
	establishedAt uint16 // the peer's port to which the node has sent something from port 9
}

func newWire(t *testing.T) *wire {
	t.Helper()
	w := &wire{
		node: newNamespace(t), peer: newNamespace(t), raw: map[string]int{},
		nodeV4: netip.MustParseAddr("10.9.0.1"), nodeV6: netip.MustParseAddr("fd09::1"), peerV4: netip.MustParseAddr("10.9.0.2"),
		nodeMAC: net.HardwareAddr{2, 0, 0, 0, 9, 1}, establishedAt: 6000,
	}
	w.peer.ip(t, fmt.Sprintf("link add %s type veth peer name %s netns %d", peerLink, nodeLink, w.node.tid))
	w.node.do(t, func() error {
		return os.WriteFile("/proc/sys/net/ipv6/conf/"+nodeLink+"/addr_gen_mode", []byte("1"), 0)
	})
	w.peer.do(t, func() error {
		return os.WriteFile("/proc/sys/net/ipv6/conf/"+peerLink+"/disable_ipv6", []byte("1"), 0)
	})
	w.node.ip(t, "link set lo up", "link set "+nodeLink+" address "+w.nodeMAC.String()+" up",
		"addr add 10.9.0.1/24 dev "+nodeLink, "addr add fd09::1/64 dev "+nodeLink+" nodad",
		"neigh add 10.9.0.2 lladdr 02:00:00:00:09:02 dev "+nodeLink)
	w.peer.ip(t, "link set "+peerLink+" up")
	w.node.do(t, w.openNode)
	w.peer.do(t, w.openPeer)
	t.Cleanup(func() {
		for _, fd := range append([]int{w.out, w.marker}, w.rawSockets()...) {
			_ = unix.Close(fd)
		}
	})
	w.awaitBothFamilies(t)
	return w
}

// awaitBothFamilies waits until the node, still without rules, takes in
// packets: IPv6 begins a moment after its link came up.
func (w *wire) awaitBothFamilies(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		v4, v6 := false, false
		probes := w.probes(150)
		seen := w.exchange(t, probes)
		for _, p := range probes {
			v4 = v4 || p.Dst == w.nodeV4 && seen[p.id()]
			v6 = v6 || p.Dst == w.nodeV6 && seen[p.id()]
		}
		if v4 && v6 {
			return
		}
	}
	t.Fatal("the node takes in no packets")
}

func (w *wire) rawSockets() []int {
	var fds []int
	for _, fd := range w.raw {
		fds = append(fds, fd)
	}
	return fds
}

func (w *wire) openNode() error {
	for _, name := range []string{"all", "default", nodeLink} {
		if err := os.WriteFile("/proc/sys/net/ipv4/conf/"+name+"/rp_filter", []byte("0"), 0); err != nil {
			return err
		}
	}
	protos := map[string][2]int{
		"tcp4": {unix.AF_INET, unix.IPPROTO_TCP}, "udp4": {unix.AF_INET, unix.IPPROTO_UDP}, "icmp4": {unix.AF_INET, unix.IPPROTO_ICMP},
		"tcp6": {unix.AF_INET6, unix.IPPROTO_TCP}, "udp6": {unix.AF_INET6, unix.IPPROTO_UDP}, "icmpv66": {unix.AF_INET6, unix.IPPROTO_ICMPV6},
	}
	for name, proto := range protos {
		fd, err := unix.Socket(proto[0], unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, proto[1])
		if err != nil {
			return err
		}
		w.raw[name] = fd
	}
	var err error
	w.marker, err = packetSocket(nodeLink, markerType)
	if err != nil {
		return err
	}
	return unix.SetsockoptTimeval(w.marker, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 10})
}

func (w *wire) openPeer() error {
	var err error
	w.out, err = packetSocket(peerLink, 0)
	return err
}

func packetSocket(link string, etherType uint16) (int, error) {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	iface, err := net.InterfaceByName(link)
	if err != nil {
		return 0, err
	}
	network := binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, etherType))
	return fd, unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: network, Ifindex: iface.Index})
}

// exchange sends the packets and tells which of them the node took in, by
// their tag. A marker behind them says when all have been judged.
func (w *wire) exchange(t *testing.T, packets []probe) map[uint16]bool {
	t.Helper()
	w.drain(t)
	w.peer.do(t, func() error {
		for _, p := range packets {
			if _, err := unix.Write(w.out, w.frame(p)); err != nil {
				return err
			}
		}
		_, err := unix.Write(w.out, w.ethernet(markerType, make([]byte, 50)))
		return err
	})
	w.node.do(t, func() error {
		_, err := unix.Read(w.marker, make([]byte, 100))
		return err
	})
	return w.drain(t)
}

func (w *wire) drain(t *testing.T) map[uint16]bool {
	t.Helper()
	seen := map[uint16]bool{}
	buffer := make([]byte, 2048)
	for name, fd := range w.raw {
		for {
			n, err := unix.Read(fd, buffer)
			if errors.Is(err, unix.EAGAIN) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			seen[tagOf(name, buffer[:n])] = true
		}
	}
	return seen
}

// tagOf reads the tag: the source port, or the four bytes' end of an ICMP
// header. Only IPv4 sockets are given the IP header.
func tagOf(name string, data []byte) uint16 {
	if strings.HasSuffix(name, "4") {
		data = data[20:]
	}
	if strings.HasPrefix(name, "icmp") {
		return binary.BigEndian.Uint16(data[4:])
	}
	return binary.BigEndian.Uint16(data)
}

// answered makes the node send something to the peer, so that what the peer
// sends back belongs to a connection.
func (w *wire) answered(t *testing.T) {
	t.Helper()
	w.node.do(t, func() error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer func() { _ = unix.Close(fd) }()
		if err := unix.Bind(fd, &unix.SockaddrInet4{Port: 9, Addr: w.nodeV4.As4()}); err != nil {
			return err
		}
		return unix.Sendto(fd, []byte("hello"), 0, &unix.SockaddrInet4{Port: int(w.establishedAt), Addr: w.peerV4.As4()})
	})
}

func TestScratchLeavesTheThreadsAlone(t *testing.T) {
	needNamespaces(t)
	t.Parallel()
	before, err := os.Readlink("/proc/thread-self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	deadline := time.After(10 * time.Second)
	done := make(chan error, 1)
	go func() {
		_, err := Scratch(t.Context(), "table inet x { }")
		done <- err
	}()
	select {
	case err := <-done:
		if err != nil {
			t.Fatal(err)
		}
	case <-deadline:
		t.Fatal("Scratch does not come back")
	}
	for range 20 {
		found := make(chan string)
		go func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			link, _ := os.Readlink("/proc/thread-self/ns/net")
			found <- link
		}()
		if after := <-found; after != before {
			t.Fatalf("a goroutine runs in namespace %s, want %s", after, before)
		}
	}
}
