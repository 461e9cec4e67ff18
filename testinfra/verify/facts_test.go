package verify

import (
	"errors"
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/k3sedge/k3sedge/inventory"
)

// node is what factsScript prints on a good agent.
func node(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile("testdata/node.txt")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestAMachineIsRead(t *testing.T) {
	t.Parallel()
	m, err := parseFacts(node(t))
	if err != nil {
		t.Fatal(err)
	}
	if m.Virt != "kvm" || m.container() || m.OS != "Debian GNU/Linux 12 (bookworm)" {
		t.Errorf("%+v", m)
	}
	if m.Client != netip.MustParseAddr("10.77.0.2") || len(m.LinkLocal) != 1 || m.LinkLocal[0] != netip.MustParseAddr("fe80::5054:ff:fe12:3456") {
		t.Errorf("client %s, link-local %v", m.Client, m.LinkLocal)
	}
	want := []listener{
		{"udp", netip.MustParseAddr("0.0.0.0"), 8472, ""}, {"udp", netip.MustParseAddr("127.0.0.53"), 53, "systemd-resolve"},
		{"tcp", netip.MustParseAddr("0.0.0.0"), 22, "sshd"}, {"tcp", netip.MustParseAddr("::"), 22, "sshd"},
		{"tcp", netip.Addr{}, 10250, "k3s-agent"}, {"udp", netip.MustParseAddr("fe80::1"), 546, "systemd-network"},
	}
	if len(m.Listeners) != len(want) {
		t.Fatalf("%+v", m.Listeners)
	}
	for i, l := range m.Listeners {
		if l != want[i] {
			t.Errorf("%+v, want %+v", l, want[i])
		}
	}
	if m.Order["nftables.service"] != (unitTimes{2_000_000, 2_100_000}) || m.Order["k3s.service"].begin != 0 || m.Finish != 9_000_000 {
		t.Errorf("%+v, finish %d", m.Order, m.Finish)
	}
	if m.SSHD["admin"]["passwordauthentication"] != "no" || m.SSHD["root"]["permitrootlogin"] != "no" {
		t.Errorf("%+v", m.SSHD)
	}
}

func TestHalfAMachineIsNone(t *testing.T) {
	t.Parallel()
	whole := node(t)
	for _, section := range []string{"virt", "kernel", "listeners", "enabled", "running", "order", "sshd root", "end"} {
		_, rest, _ := strings.Cut(whole, "== "+section+"\n")
		end := strings.Index(rest, "== ")
		if end < 0 {
			end = len(rest)
		}
		without := strings.Replace(whole, "== "+section+"\n"+rest[:end], "", 1)
		if _, err := parseFacts(without); !errors.Is(err, errFacts) {
			t.Errorf("without %s: %v", section, err)
		}
	}
	if _, err := parseFacts(""); !errors.Is(err, errFacts) {
		t.Errorf("nothing: %v", err)
	}
}

func FuzzParseFacts(f *testing.F) {
	f.Add(node(f))
	f.Fuzz(func(t *testing.T, text string) {
		if m, err := parseFacts(text); err == nil && (len(m.Listeners) == 0 || m.Kernel == "" || len(m.SSHD) < 3) {
			t.Errorf("%+v of %q", m, text)
		}
	})
}

func cluster() inventory.Cluster {
	six := netip.MustParseAddr("fd00:1::12")
	return inventory.Cluster{
		Name:    "edge",
		SSH:     inventory.SSH{User: "admin", Port: 22, AllowFrom: []netip.Prefix{netip.MustParsePrefix("10.77.0.2/32")}},
		Network: inventory.Network{CIDR: netip.MustParsePrefix("10.77.0.0/24"), IPv6: &inventory.Network6{CIDR: netip.MustParsePrefix("fd00:1::/64")}},
		K3s:     &inventory.K3s{}, Edge: &inventory.Edge{Mode: inventory.EdgeLAN},
		Nodes: []inventory.Node{
			{Name: "edge-1", Role: inventory.Server, Address: netip.MustParseAddr("10.77.0.11")},
			{Name: "edge-2", Role: inventory.Agent, Address: netip.MustParseAddr("10.77.0.12"), Address6: &six},
		},
	}
}
