package node

import (
	"net"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func peerNode(name, public, pods, mac string) *corev1.Node {
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: map[string]string{
			annotationIP: public, annotationBackend: "vxlan", annotationData: `{"VNI":1,"VtepMAC":"` + mac + `"}`,
		}},
		Spec: corev1.NodeSpec{PodCIDR: pods},
	}
}

func TestPeers(t *testing.T) {
	t.Parallel()
	p, ok := peerOf(peerNode("edge-2", "10.77.0.12", "10.42.1.0/24", "02:00:00:00:00:02"))
	if !ok || p.public.String() != "10.77.0.12" || p.pods.String() != "10.42.1.0/24" || p.mac.String() != "02:00:00:00:00:02" {
		t.Errorf("%+v, %v", p, ok)
	}
	for name, o := range map[string]*corev1.Node{
		"not announced yet": {},
		"no pod network":    peerNode("a", "10.77.0.12", "", "02:00:00:00:00:02"),
		"no MAC":            peerNode("a", "10.77.0.12", "10.42.1.0/24", ""),
		"no address":        peerNode("a", "", "10.42.1.0/24", "02:00:00:00:00:02"),
	} {
		if _, ok := peerOf(o); ok {
			t.Errorf("%s: taken for a peer", name)
		}
	}
}

// TestTheKernelIsProgrammed runs in a network namespace of its thread's own,
// which ends with the thread.
func TestTheKernelIsProgrammed(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Skip(err)
	}
	under := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "eth0", MTU: 1500}, PeerName: "peer"}
	if err := netlink.LinkAdd(under); err != nil {
		t.Fatal(err)
	}
	if err := netlink.LinkSetUp(under); err != nil {
		t.Fatal(err)
	}
	addr, err := netlink.ParseAddr("10.77.0.11/24")
	if err != nil {
		t.Fatal(err)
	}
	if err := netlink.AddrAdd(under, addr); err != nil {
		t.Fatal(err)
	}
	_, pods, _ := net.ParseCIDR("10.42.0.0/24")
	up, err := raise("", net.ParseIP("10.77.0.11"), pods)
	if err != nil {
		t.Fatal(err)
	}
	again, err := raise("eth0", net.ParseIP("10.77.0.11"), pods)
	if err != nil || again.mac.String() != up.mac.String() {
		t.Fatalf("the tunnel was made anew: %v, %v, %v", up.mac, again, err)
	}
	two, _ := peerOf(peerNode("edge-2", "10.77.0.12", "10.42.1.0/24", "02:00:00:00:00:02"))
	three, _ := peerOf(peerNode("edge-3", "10.77.0.13", "10.42.2.0/24", "02:00:00:00:00:03"))
	for _, tt := range []struct {
		peers []peer
		want  string
	}{
		{[]peer{two, three}, "10.42.1.0/24 via 10.42.1.0, 10.42.2.0/24 via 10.42.2.0; 02:00:00:00:00:02, 02:00:00:00:00:03 to 10.77.0.12, 10.77.0.13"},
		{[]peer{two}, "10.42.1.0/24 via 10.42.1.0; 02:00:00:00:00:02 to 10.77.0.12"},
		{nil, ";  to "},
	} {
		if err := up.program(tt.peers); err != nil {
			t.Fatal(err)
		}
		if got := programmed(t, up); got != tt.want {
			t.Errorf("got %s, want %s", got, tt.want)
		}
	}
	link, _ := netlink.LinkByName(vxlanName)
	if v := link.(*netlink.Vxlan); v.MTU != 1450 || v.Port != 8472 || v.VxlanId != 1 || v.Learning {
		t.Errorf("%+v", v)
	}
}

// programmed tells what the kernel has for the tunnel.
func programmed(t *testing.T, up *tunnel) string {
	t.Helper()
	var ways, macs, ends []string
	routes, err := netlink.RouteList(up.link, netlink.FAMILY_V4)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range routes {
		if r.Gw != nil {
			ways = append(ways, r.Dst.String()+" via "+r.Gw.String())
		}
	}
	neighbours, err := netlink.NeighList(up.link.Attrs().Index, netlink.FAMILY_V4)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range neighbours {
		macs = append(macs, n.HardwareAddr.String())
	}
	forwards, err := netlink.NeighList(up.link.Attrs().Index, unix.AF_BRIDGE)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range forwards {
		ends = append(ends, f.IP.String())
	}
	slices.Sort(ways)
	slices.Sort(macs)
	slices.Sort(ends)
	return strings.Join(ways, ", ") + "; " + strings.Join(macs, ", ") + " to " + strings.Join(ends, ", ")
}
