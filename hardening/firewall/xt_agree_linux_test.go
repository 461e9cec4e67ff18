package firewall

import (
	"fmt"
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"
)

// needIptables skips a test where Debian's iptables is not installed.
func needIptables(t *testing.T) {
	t.Helper()
	needNamespaces(t)
	for _, name := range []string{"iptables-nft-restore", "ip6tables-nft-restore", "iptables-nft"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Skipf("skipped: needs Debian's package iptables: %v", err)
		}
	}
}

// run runs a program in the namespace and gives back what it prints.
func (ns *namespace) run(t *testing.T, stdin string, argv ...string) string {
	t.Helper()
	var output []byte
	ns.do(t, func() error {
		cmd := exec.Command(argv[0], argv[1:]...)
		cmd.Stdin = strings.NewReader(stdin)
		var err error
		if output, err = cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %s\n%s", strings.Join(argv, " "), err, output, stdin)
		}
		return nil
	})
	return string(output)
}

// What iptables keeps in nftables as opaque data must be read as the kernel
// reads it: here its rules are drawn at random, for both families.
func TestIptablesAgreesWithKernel(t *testing.T) {
	needIptables(t)
	t.Parallel()
	n := newK3sNode(t)
	random := rand.New(rand.NewPCG(13, 14))
	total := map[Verdict]int{}
	for i := range 20 {
		n.node.load(t, "")
		four := n.node.restoreRandom(t, iptablesWriter{random, false}, "iptables-nft-restore")
		six := n.node.restoreRandom(t, iptablesWriter{random, true}, "ip6tables-nft-restore")
		for verdict, count := range n.agrees(t, four+six, n.travellers(random, 120)) {
			total[verdict] += count
		}
		if t.Failed() {
			t.Fatalf("ruleset %d", i)
		}
	}
	share := 100 * total[Unknown] / (total[Accepted] + total[Dropped] + total[Unknown])
	t.Logf("%v: %d%% not judged", total, share)
	if share > 15 || total[Accepted] < 200 || total[Dropped] < 200 {
		t.Errorf("%v: %d%% not judged", total, share)
	}
}

// restoreRandom draws rules until they are what iptables takes.
func (ns *namespace) restoreRandom(t *testing.T, w iptablesWriter, program string) string {
	t.Helper()
	for range 100 {
		text := w.restore()
		var err error
		ns.do(t, func() error {
			cmd := exec.Command(program)
			cmd.Stdin = strings.NewReader(text)
			err = cmd.Run()
			return nil
		})
		if err == nil {
			return text
		}
	}
	t.Fatalf("%s takes none of the rules", program)
	return ""
}

// iptablesWriter makes rules as kube-proxy, flannel, kube-router and people write them.
type iptablesWriter struct {
	*rand.Rand
	six bool
}

func (w iptablesWriter) one(texts ...string) string { return pick(w.Rand, texts) }

func (w iptablesWriter) restore() string {
	var b strings.Builder
	b.WriteString("*raw\n:PREROUTING ACCEPT [0:0]\n")
	if w.IntN(4) == 0 {
		fmt.Fprintf(&b, "-A PREROUTING %s -j CT --notrack\n", w.match("PREROUTING"))
	}
	b.WriteString("COMMIT\n*mangle\n:PREROUTING ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OTHER - [0:0]\n")
	for range 3 {
		fmt.Fprintf(&b, "-A PREROUTING %s %s\n", w.match("PREROUTING"), w.one("-j MARK --or-mark 0x4000", "-j MARK --xor-mark 0x1", "-j MARK --set-xmark 0x2/0xff",
			"-j CONNMARK --set-xmark 0x7/0xff", "-j CONNMARK --save-mark", "-j CONNMARK --restore-mark", "-j OTHER", "-j ACCEPT"))
	}
	fmt.Fprintf(&b, "-A OTHER %s -j %s\nCOMMIT\n*nat\n:PREROUTING ACCEPT [0:0]\n:KUBE-SVC-A - [0:0]\n", w.match("PREROUTING"), w.one("DROP", "RETURN", "MARK --or-mark 1"))
	for range 3 {
		fmt.Fprintf(&b, "-A PREROUTING %s %s\n", w.match("PREROUTING"), w.one("-j KUBE-SVC-A", "-j ACCEPT", "-g KUBE-SVC-A"))
	}
	fmt.Fprintf(&b, "-A KUBE-SVC-A -p tcp %s -j %s\nCOMMIT\n*filter\n:INPUT %s [0:0]\n:FORWARD %s [0:0]\n:KUBE-FORWARD - [0:0]\n",
		w.one("", "-m tcp --dport 22:443", "-m comment --comment \"a b\""), w.translation(), w.one("ACCEPT", "DROP"), w.one("ACCEPT", "DROP"))
	for _, chain := range []string{"INPUT", "INPUT", "INPUT", "FORWARD", "FORWARD", "FORWARD", "KUBE-FORWARD", "KUBE-FORWARD"} {
		targets := []string{"-j ACCEPT", "-j DROP", "-j REJECT", "-j RETURN", "-j LOG --log-prefix x", "-j MARK --or-mark 1"}
		if chain != "KUBE-FORWARD" {
			targets = append(targets, "-j KUBE-FORWARD", "-g KUBE-FORWARD")
		}
		fmt.Fprintf(&b, "-A %s %s %s %s\n", chain, w.match(chain), w.condition(chain, false), w.one(targets...))
	}
	return b.String() + "COMMIT\n"
}

func (w iptablesWriter) translation() string {
	if w.six {
		return w.one("DNAT --to-destination [fd42::10]:8080", "DNAT --to-destination fd42::11", "REDIRECT --to-ports 443", "DNAT --to-destination [fd09::1]:22")
	}
	return w.one("DNAT --to-destination 10.42.0.10:8080", "DNAT --to-destination 10.42.0.11", "REDIRECT --to-ports 443", "DNAT --to-destination 10.9.0.1:22")
}

// match is a condition, of another protocol's ports only where another may stand beside it.
func (w iptablesWriter) match(chain string) string { return w.condition(chain, w.IntN(3) == 0) }

func (w iptablesWriter) condition(chain string, ports bool) string {
	texts := []string{
		"-m comment --comment \"kubernetes service portals\"", "-m conntrack --ctstate NEW", "-m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT", "-m conntrack --ctstate DNAT",
		"-m conntrack --ctstate INVALID", "-m conntrack --ctstate UNTRACKED,NEW", "-m mark --mark 0x4000/0x4000", "-m mark ! --mark 0x1/0x1", "-m connmark --mark 0x7/0xff", "-m connmark ! --mark 0x7",
		"-m addrtype --dst-type LOCAL", "-m addrtype ! --dst-type LOCAL", "-m addrtype ! --src-type LOCAL", "-i cni0", "! -i cni0", "-i k3se+",
		"-m pkttype --pkt-type unicast",
	}
	if !strings.HasPrefix(chain, "PRE") && chain != "INPUT" && chain != "KUBE-FORWARD" {
		texts = append(texts, "-o cni0", "! -o cni0")
	}
	if ports {
		return w.one("-p tcp -m tcp --dport 80", "-p tcp -m tcp ! --dport 22:443", "-p tcp -m tcp --syn", "-p tcp -m tcp ! --syn --dport 1:30000", "-p udp -m udp --dport 443", "-p tcp -m multiport --dports 22,80:443",
			"-p udp -m multiport ! --dports 22,80:443", "-p tcp -m multiport --ports 22,6443", "! -p tcp")
	}
	if w.six {
		texts = append(texts, "-s fd09::/64", "! -s 2001:db8::/33", "-d fd42::10", "-m iprange --src-range fd09::1-fd09::50", "-m iprange ! --dst-range fd42::10-fd42::10")
	} else {
		texts = append(texts, "-s 10.9.0.0/25", "! -s 10.0.0.0/8", "-d 10.42.0.10", "-d 10.9.0.0/16", "-m iprange --src-range 10.9.0.1-10.9.0.50", "-m iprange ! --dst-range 10.42.0.10-10.42.0.10")
	}
	return w.one(texts...)
}
