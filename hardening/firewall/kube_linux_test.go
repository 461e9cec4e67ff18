package firewall

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// kubeRules loads what K3s keeps on a node, for both families.
func (n *k3sNode) kubeRules(t *testing.T) {
	t.Helper()
	content, err := os.ReadFile("testdata/kube/iptables.rules")
	if err != nil {
		t.Fatal(err)
	}
	four := strings.NewReplacer("PODNET", "10.42.0.0/16", "SERVICE", "10.43.0.7/32", "TARGET", "10.42.0.10", "POD", "10.42.0.10/32")
	six := strings.NewReplacer("PODNET", "fd42::/48", "SERVICE", "fd43::7/128", "TARGET", "[fd42::10]", "POD", "fd42::10/128")
	n.node.run(t, four.Replace(string(content)), "iptables-nft-restore")
	n.node.run(t, six.Replace(string(content)), "ip6tables-nft-restore")
}

// column is one path of the table in the facts.
type column struct {
	name   string
	packet func(n *k3sNode, six bool) Packet
}

// columns are the eight paths, and three more doors to a pod.
func columns() []column {
	to := func(proto string, port uint16) func(*k3sNode, bool) Packet {
		return func(n *k3sNode, six bool) Packet {
			return Packet{Iif: nodeLink, Src: n.client(six), Dst: n.self(six), Proto: proto, DstPort: port}
		}
	}
	return []column{
		{"cli:22", to("tcp", 22)}, {"cli:443", to("tcp", 443)}, {"cli:10250", to("tcp", 10250)}, {"cli:30080", to("tcp", 30080)},
		{"pod->node:10250", func(n *k3sNode, six bool) Packet {
			return Packet{Iif: podLink, Src: n.podAddress(six), Dst: n.self(six), Proto: "tcp", DstPort: 10250}
		}},
		{"pod->LAN", func(n *k3sNode, six bool) Packet {
			return Packet{Iif: podLink, Src: n.podAddress(six), Dst: n.lan(six), Proto: "tcp", DstPort: 443}
		}},
		{"LAN->pod", func(n *k3sNode, six bool) Packet {
			return Packet{Iif: nodeLink, Src: n.client(six), Dst: n.podAddress(six), Proto: "tcp", DstPort: 8080}
		}},
		{"host->pod", func(n *k3sNode, six bool) Packet {
			return Packet{FromHost: true, Src: n.bridge(six), Dst: n.podAddress(six), Proto: "udp", DstPort: 8080}
		}},
		{"cli:30080/udp", to("udp", 30080)}, {"cli:8088 hostPort", to("tcp", 8088)}, {"cli:8443 ServiceLB", to("tcp", 8443)},
	}
}

func choose(six bool, four, other string) netip.Addr {
	if six {
		return netip.MustParseAddr(other)
	}
	return netip.MustParseAddr(four)
}

func (n *k3sNode) client(six bool) netip.Addr     { return choose(six, "10.9.0.77", "fd09::ff") }
func (n *k3sNode) self(six bool) netip.Addr       { return choose(six, "10.9.0.1", "fd09::1") }
func (n *k3sNode) lan(six bool) netip.Addr        { return choose(six, "10.9.0.2", "fd09::2") }
func (n *k3sNode) podAddress(six bool) netip.Addr { return choose(six, "10.42.0.10", "fd42::10") }
func (n *k3sNode) bridge(six bool) netip.Addr     { return choose(six, "10.42.0.1", "fd42::1") }

// The usual firewalls, of which two leave doors open that nobody sees.
const (
	inputDrop = `table inet filter {
		chain input { type filter hook input priority filter; policy drop; iif lo accept; ct state established,related accept; meta l4proto ipv6-icmp accept; tcp dport { 22, 443 } accept; }
	}`
	forwardDrop = inputDrop + `
	table inet filter { chain forward { type filter hook forward priority filter; policy drop; ct state established,related accept; }; }`
)

// TestTableOfTheFacts sends the packets of appendix A through the four
// rulesets, with K3s' own rules in place, and asks the evaluator as well.
func TestTableOfTheFacts(t *testing.T) {
	needIptables(t)
	t.Parallel()
	policy := Policy{
		SSHPort: 22, AdminSources: prefixes("10.9.0.0/24", "fd09::/64"),
		Pods: &Pods{PodCIDR: prefixes("10.42.0.0/16")[0], ServiceCIDR: prefixes("10.43.0.0/16")[0]},
		Open: []Port{{"tcp", 443, Anyone()}, {"tcp", 80, Anyone()}, {"tcp", 10250, prefixes("10.9.0.12/32")}, {"udp", 8472, prefixes("10.9.0.12/32")}},
	}
	single, err := Render(policy)
	if err != nil {
		t.Fatal(err)
	}
	policy.Pods.PodCIDR6, policy.Pods.ServiceCIDR6 = prefixes("fd42::/56")[0], prefixes("fd43::/112")[0]
	ours, err := Render(policy)
	if err != nil {
		t.Fatal(err)
	}
	const open, shut = "o", "x"
	for _, row := range []struct{ name, ruleset, four, six string }{
		{"none", "", "oooooooo ooo", "oooooooo ooo"},
		{"input drop", inputDrop, "ooxoxooo ooo", "ooxoxooo ooo"},
		{"input and forward drop", forwardDrop, "ooxxxxxo xxx", "ooxxxxxo xxx"},
		{"ours", ours, "ooxxooxo xxx", "ooxxooxo xxx"},
		// Where pods have no addresses of IPv6, what comes from one is forged.
		{"ours for IPv4", single, "ooxxooxo xxx", "ooxxxxxo xxx"},
	} {
		t.Run(row.name, func(t *testing.T) {
			n := newK3sNode(t)
			n.kubeRules(t)
			before := n.foreign(t)
			n.node.do(t, func() error {
				if row.ruleset == "" {
					return nil
				}
				return loadText(t.Context(), row.ruleset)
			})
			if after := n.foreign(t); row.name == "ours" && after != before {
				t.Errorf("K3s' rules before:\n%s\nafter:\n%s", before, after)
			}
			n.node.run(t, "", "iptables-nft", "-S", "INPUT")
			n.node.run(t, "", "ip6tables-nft", "-S", "INPUT")
			for six, want := range map[bool]string{false: row.four, true: row.six} {
				for i, got := range n.row(t, six) {
					if cell := strings.ReplaceAll(want, " ", "")[i : i+1]; (got == Accepted) != (cell == open) || got == Unknown {
						t.Errorf("IPv6 %t: %s: %s, want %q", six, columns()[i].name, got, map[string]string{open: "open", shut: "shut"}[cell])
					}
				}
			}
		})
	}
}

// foreign are the tables of K3s as nft lists them, without their counters.
func (n *k3sNode) foreign(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	for _, table := range []string{"ip filter", "ip nat", "ip6 filter", "ip6 nat"} {
		b.WriteString(n.node.run(t, "", append([]string{"/usr/sbin/nft", "-s", "list", "table"}, strings.Fields(table)...)...))
	}
	return b.String()
}

// row is what becomes of the packets of all columns, on which the evaluator
// must agree.
func (n *k3sNode) row(t *testing.T, six bool) []Verdict {
	t.Helper()
	var packets []Packet
	for _, c := range columns() {
		packets = append(packets, c.packet(n, six))
	}
	probes := n.tagged(packets)
	var outside []probe
	for _, p := range probes {
		if !p.FromHost {
			outside = append(outside, p)
		}
	}
	arrived := n.arrivals(t, outside)
	for _, p := range probes {
		if p.FromHost {
			n.send(t, p)
			for tag, where := range n.collect(t) {
				arrived[tag] = where
			}
		}
	}
	row := make([]Verdict, len(probes))
	for i, d := range n.judge(t, probes) {
		row[i] = Dropped
		if arrived[probes[i].tag] != "" {
			row[i] = Accepted
		}
		if d.Verdict != row[i] {
			t.Errorf("%s, IPv6 %t: kernel %s, evaluator %+v", columns()[i].name, six, row[i], d)
		}
	}
	return row
}

// send makes the node itself send a packet.
func (n *k3sNode) send(t *testing.T, p probe) {
	t.Helper()
	n.node.do(t, func() error {
		domain, to := unix.AF_INET6, unix.Sockaddr(&unix.SockaddrInet6{Port: int(p.DstPort), Addr: p.Dst.As16()})
		if p.Dst.Is4() {
			domain, to = unix.AF_INET, &unix.SockaddrInet4{Port: int(p.DstPort), Addr: p.Dst.As4()}
		}
		fd, err := unix.Socket(domain, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer func() { _ = unix.Close(fd) }()
		if err := unix.Sendto(fd, append(binary.BigEndian.AppendUint16(nil, p.tag), 0, 0), 0, to); err != nil {
			return fmt.Errorf("send to %s: %w", p.Dst, err)
		}
		return nil
	})
}
