package firewall

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// agrees loads a ruleset, sends packets and compares what becomes of them with
// what the evaluator says. It gives back how many were not judged.
func (n *k3sNode) agrees(t *testing.T, ruleset string, packets []Packet) (judged map[Verdict]int) {
	t.Helper()
	probes := n.tagged(packets)
	decisions := n.judge(t, probes)
	arrived := n.arrivals(t, probes)
	judged = map[Verdict]int{}
	for i, d := range decisions {
		judged[d.Verdict]++
		p, where := probes[i], arrived[probes[i].tag]
		want := Dropped
		if where != "" {
			want = Accepted
		}
		if d.Verdict != Unknown && d.Verdict != want {
			t.Errorf("kernel: %s %s, evaluator: %+v\nfor a fixture in testdata/found:\n%s\n# %s", want, where, d, ruleset, packetLine(p.Packet))
		}
	}
	return judged
}

// loadRandom draws rulesets until one is what nft takes: some conditions exclude one another.
func (n *k3sNode) loadRandom(t *testing.T, random *rand.Rand) string {
	t.Helper()
	for range 200 {
		text := randomRuleset(random)
		var err error
		n.node.do(t, func() error {
			err = loadText(t.Context(), "flush ruleset\n"+text)
			return nil
		})
		if err == nil {
			return text
		}
	}
	t.Fatal("nft takes none of the rulesets")
	return ""
}

// packetLine is a packet as the fixtures have it.
func packetLine(p Packet) string {
	return fmt.Sprintf("packet: %s %s %s %d %s %d", p.Iif, p.Src, p.Dst, p.DstPort, p.Proto, p.TCPFlags)
}

func TestWholeRulesetAgreesWithKernel(t *testing.T) {
	needNamespaces(t)
	t.Parallel()
	n := newK3sNode(t)
	random := rand.New(rand.NewPCG(11, 12))
	total := map[Verdict]int{}
	for i := range 25 {
		text := n.loadRandom(t, random)
		for verdict, count := range n.agrees(t, text, n.travellers(random, 120)) {
			total[verdict] += count
		}
		if t.Failed() {
			t.Fatalf("ruleset %d", i)
		}
	}
	share := 100 * total[Unknown] / (total[Accepted] + total[Dropped] + total[Unknown])
	t.Logf("%v: %d%% not judged", total, share)
	if share > 10 || total[Accepted] < 400 || total[Dropped] < 400 {
		t.Errorf("%v: %d%% not judged", total, share)
	}
}

// writer makes rules at random, of what the evaluator claims to understand.
type writer struct {
	*rand.Rand
	family string // inet, ip, ip6
}

func (w writer) one(texts ...string) string { return pick(w.Rand, texts) }

// randomRuleset has a table in each family, chains at several hooks and
// priorities, sets, maps, chains to jump to, and translations.
func randomRuleset(random *rand.Rand) string {
	var b strings.Builder
	for _, family := range []string{"inet", "ip", "ip6"} {
		if random.IntN(4) > 0 {
			b.WriteString(writer{random, family}.table())
		}
	}
	return b.String()
}

func (w writer) table() string {
	var b strings.Builder
	fmt.Fprintf(&b, "table %s t_%s {\n", w.family, w.family)
	if w.family != "ip6" {
		b.WriteString("set some4 { type ipv4_addr; flags interval; elements = { 10.9.0.0/25, 192.0.2.0-192.0.2.9, 10.42.0.10 }; }\n")
		b.WriteString("set both4 { type ipv4_addr . inet_service; flags interval; elements = { 10.0.0.0/8 . 22, 192.0.2.0/24 . 80-443 }; }\n")
	}
	if w.family != "ip" {
		b.WriteString("set some6 { type ipv6_addr; flags interval; elements = { fd09::/64, 2001:db8::/33 }; }\n")
	}
	b.WriteString("map marks { type inet_service : mark; elements = { 22 : 1, 80 : 2, 443 : 0x10 }; }\n")
	for _, name := range []string{"deep", "low"} {
		fmt.Fprintf(&b, "chain %s {\n%s}\n", name, w.rules(2, "", name == "low"))
	}
	for i, hook := range []string{"prerouting", "prerouting", "prerouting", "input", "input", "forward", "forward", "postrouting"} {
		if w.IntN(2) == 0 {
			priority := []int{-300, -150, -50, -10, 10, -20, 20, 30}[i] + w.IntN(5) + map[string]int{"ip": 5, "ip6": 5}[w.family]
			policy := w.one("accept", "accept", "accept", "drop")
			fmt.Fprintf(&b, "chain c%d { type filter hook %s priority %d; policy %s;\n%s}\n", i, hook, priority, policy, w.rules(4, hook, true))
		}
	}
	if w.family != "inet" && w.IntN(3) > 0 {
		fmt.Fprintf(&b, "chain nat { type nat hook prerouting priority dstnat; policy accept;\n")
		for range 3 {
			fmt.Fprintf(&b, "%s %s\n", w.condition("prerouting"), w.translation())
		}
		b.WriteString("}\n")
	}
	return b.String() + "}\n"
}

func (w writer) rules(most int, hook string, jumps bool) string {
	var b strings.Builder
	for range 1 + w.IntN(most) {
		var words []string
		for range 1 + w.IntN(2) {
			words = append(words, w.condition(hook))
		}
		if w.IntN(4) == 0 {
			words = append(words, w.effect(hook))
		}
		verdicts := []string{"accept", "drop", "drop", "counter", "return", "reject"}
		if hook == "prerouting" || hook == "" || hook == "postrouting" {
			verdicts = verdicts[:5]
		}
		if jumps {
			verdicts = append(verdicts, "jump deep", "goto deep", "tcp dport vmap { 22 : accept, 80-443 : jump deep, 6443 : drop }")
		}
		if jumps && hook != "" {
			verdicts = append(verdicts, "jump low", "meta l4proto vmap { tcp : jump low, udp : goto deep }")
		}
		fmt.Fprintf(&b, "\t%s %s\n", strings.Join(words, " "), w.one(verdicts...))
	}
	return b.String()
}

func (w writer) condition(hook string) string {
	texts := []string{
		"tcp dport { 22, 80, 443 }", "udp dport 21-443", "meta l4proto tcp", "tcp dport != 80", "th dport >= 443", "tcp flags syn",
		"meta mark 1", "meta mark & 2 == 2", "meta mark != 0", "meta mark set tcp dport map @marks", "ct mark 7",
		"iifname \"" + nodeLink + "\"", "iifname \"cni0\"", "iifname { \"cni0\", \"lo\" }", "iif != lo",
		"ct state new", "ct state invalid", "ct state { established, untracked }", "fib daddr type local", "fib daddr type != local", "fib saddr type unicast",
		"ct status dnat", "ct status & dnat == 0", "counter",
	}
	if hook == "forward" || hook == "postrouting" {
		texts = append(texts, "oifname \"cni0\"", "oifname != \"cni0\"", "oifname \""+nodeLink+"\"")
	}
	if w.family != "ip6" {
		texts = append(texts, "ip saddr @some4", "ip saddr != @some4", "ip daddr 10.42.0.0/24", "ip saddr . tcp dport @both4", "ip daddr { 10.9.0.1, 10.42.0.11 }", "ip saddr 10.0.0.0/8")
	}
	if w.family != "ip" {
		texts = append(texts, "ip6 saddr @some6", "ip6 daddr fd42::/64", "ip6 saddr != fd09::/16", "ip6 daddr { fd09::1, fd42::11 }")
	}
	return w.one(texts...)
}

func (w writer) effect(hook string) string {
	texts := []string{"meta mark set 1", "meta mark set meta mark | 2", "meta mark set meta mark ^ 0x10", "ct mark set 7", "ct mark set meta mark", "meta mark set ct mark"}
	if hook == "prerouting" {
		texts = append(texts, "notrack")
	}
	return w.one(texts...)
}

func (w writer) translation() string {
	if w.family == "ip6" {
		return w.one("meta l4proto tcp dnat to [fd42::10]:8080", "dnat to fd42::11", "tcp dport 30080 redirect to :443", "udp dport 22-443 dnat to [fd09::1]:22",
			"meta l4proto tcp dnat to tcp dport map { 80 : fd42::10, 443 : fd09::1 }", "return", "accept")
	}
	return w.one("meta l4proto tcp dnat to 10.42.0.10:8080", "dnat to 10.42.0.11", "tcp dport 30080 redirect to :443", "udp dport 22-443 dnat to 10.9.0.1:22",
		"meta l4proto tcp dnat to tcp dport map { 80 : 10.42.0.10, 443 : 10.9.0.1 }", "dnat to 203.0.113.9", "return", "accept")
}
