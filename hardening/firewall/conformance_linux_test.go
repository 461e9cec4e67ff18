package firewall

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
)

// The evaluator and the kernel must agree about every packet that the
// evaluator dares to judge.

func TestDecideAgreesWithKernel(t *testing.T) {
	needNamespaces(t)
	t.Parallel()
	w := newWire(t)
	for name, ruleset := range handMade() {
		t.Run(name, func(t *testing.T) {
			w.node.load(t, "table inet t {\n"+ruleset+"\n}")
			unknowns := w.compare(t, "t", 150)
			if unknowns > 0 {
				t.Errorf("%d packets could not be judged", unknowns)
			}
		})
	}
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 12 {
		t.Run(fmt.Sprint("rendered ", i), func(t *testing.T) {
			text, err := Render(randomPolicy(random, pool()))
			if err != nil {
				t.Fatal(err)
			}
			w.node.load(t, text)
			if unknowns := w.compare(t, TableName, 150); unknowns > 0 {
				t.Errorf("%d packets could not be judged", unknowns)
			}
		})
	}
}

// compare sends packets, and gives back how many the evaluator did not judge.
func (w *wire) compare(t *testing.T, table string, count int) int {
	t.Helper()
	model := w.node.read(t, "inet", table)
	w.answered(t)
	probes := w.probes(count)
	seen := w.exchange(t, probes)
	unknowns, verdicts := 0, map[Verdict]int{}
	for _, p := range probes {
		decision := model.Decide(p.Packet)
		verdicts[decision.Verdict]++
		want := Dropped
		if seen[p.id()] {
			want = Accepted
		}
		if decision.Verdict == Unknown {
			unknowns++
			if unknowns == 1 {
				t.Logf("%+v: %s", p.Packet, decision.Why)
			}
		} else if decision.Verdict != want {
			t.Errorf("%+v: kernel %s, evaluator %+v", p.Packet, want, decision)
		}
	}
	t.Logf("%v", verdicts)
	return unknowns
}

// probes are random packets to the node, and some of every special kind.
func (w *wire) probes(count int) []probe {
	random := rand.New(rand.NewPCG(3, uint64(count)))
	var probes []probe
	tag := uint16(20000)
	add := func(p Packet) {
		tag++
		p.Iif = nodeLink
		made := probe{Packet: p, tag: tag, noFlags: p.CTState == CTInvalid}
		if (p.Proto == "tcp" || p.Proto == "udp") && p.SrcPort == 0 {
			made.SrcPort = tag
		}
		probes = append(probes, made)
	}
	for range count {
		src := pick(random, pool())
		proto, flags, port := pick(random, []string{"tcp", "udp"}), pick(random, []uint8{0, TCPAck}), pick(random, ports())
		add(Packet{Src: src, Dst: w.address(src), Local: true, Proto: proto, DstPort: port, TCPFlags: flags})
	}
	group4, group6 := netip.MustParseAddr("224.0.0.1"), netip.MustParseAddr("ff02::1")
	everyone := netip.MustParseAddr("255.255.255.255")
	local6 := netip.MustParseAddr("fe80::9")
	for _, src := range pool()[:2] {
		for _, dst := range []netip.Addr{group4, everyone} {
			add(Packet{Src: src, Dst: dst, Proto: "udp", DstPort: pick(random, ports())})
		}
		add(Packet{Src: src, Dst: w.nodeV4, Local: true, Proto: "icmp", ICMPType: 8})
		add(Packet{Src: src, Dst: w.nodeV4, Local: true, Proto: "icmp", ICMPType: 0, CTState: CTInvalid})
		add(Packet{Src: src, Dst: w.nodeV4, Local: true, Proto: "tcp", DstPort: 22, CTState: CTInvalid})
	}
	add(Packet{Src: w.peerV4, Dst: w.nodeV4, Local: true, Proto: "udp", SrcPort: w.establishedAt, DstPort: 9, CTState: CTEstablished})
	add(Packet{Src: local6, Dst: group6, Proto: "udp", DstPort: 5353})
	add(Packet{Src: local6, Dst: w.nodeV6, Local: true, Proto: "icmpv6", ICMPType: 128})
	for _, kind := range []uint8{134, 135, 136} {
		add(Packet{Src: local6, Dst: w.nodeV6, Local: true, Proto: "icmpv6", ICMPType: kind, CTState: CTUntracked})
		add(Packet{Src: local6, Dst: group6, Proto: "icmpv6", ICMPType: kind, CTState: CTUntracked})
	}
	return probes
}

func (w *wire) address(src netip.Addr) netip.Addr {
	if src.Is4() {
		return w.nodeV4
	}
	return w.nodeV6
}

func pool() []netip.Addr {
	var addrs []netip.Addr
	for _, text := range []string{
		"10.9.0.2", "10.9.0.77", "10.9.1.1", "192.0.2.1", "192.0.2.200", "203.0.113.127", "203.0.113.128",
		"fd09::2", "fd09::ff", "fd0a::1", "2001:db8::1", "2001:db8:ffff::1",
	} {
		addrs = append(addrs, netip.MustParseAddr(text))
	}
	return addrs
}

func ports() []uint16 { return []uint16{21, 22, 23, 80, 443, 6443, 8472, 30080} }

func pick[T any](random *rand.Rand, from []T) T { return from[random.IntN(len(from))] }

func randomPolicy(random *rand.Rand, addrs []netip.Addr) Policy {
	sources := func() []netip.Prefix {
		var prefixes []netip.Prefix
		for range 1 + random.IntN(6) {
			addr := pick(random, addrs)
			prefixes = append(prefixes, netip.PrefixFrom(addr, random.IntN(addr.BitLen()+1)))
		}
		return prefixes
	}
	policy := Policy{SSHPort: pick(random, ports()), AdminSources: sources()}
	if random.IntN(2) == 0 { // networks in which some of the packets' sources are
		policy.Pods = &Pods{PodCIDR: netip.MustParsePrefix("192.0.2.0/25"), ServiceCIDR: netip.MustParsePrefix("10.9.1.0/24")}
	}
	for range random.IntN(8) {
		policy.Open = append(policy.Open, Port{Proto: pick(random, []string{"tcp", "udp"}), Port: pick(random, ports()), Sources: sources()})
	}
	return policy
}

const baseInput = "type filter hook input priority filter; policy drop;\n"

// handMade are rules beyond what Render makes.
func handMade() map[string]string {
	return map[string]string{
		"accept first": `chain input { ` + baseInput + ` accept; tcp dport 22 drop; }`,
		"jump, goto, return": `chain web { ip saddr 10.9.0.0/24 return; tcp dport { 80, 443 } accept; }
			chain far { udp dport 8472 accept; return; }
			chain input { ` + baseInput + ` jump web; meta nfproto ipv6 goto far; tcp dport 80 accept; udp dport 21 accept; }`,
		"map of verdicts": `chain web { ip saddr 192.0.2.0/24 accept; }
			chain input { ` + baseInput + ` tcp dport vmap { 22 : accept, 80 : jump web, 443-6443 : goto web }; tcp dport 443 accept; udp dport vmap { 21-23 : accept }; }`,
		"ranges": `chain input { ` + baseInput + ` tcp dport 22-80 accept; tcp dport != 1-30000 accept; udp dport >= 8472 accept; udp dport < 22 accept;
			ip saddr 192.0.2.1-192.0.2.10 accept; ip saddr != 10.0.0.0/8 udp dport 443 accept; }`,
		"masks": `chain input { ` + baseInput + ` tcp flags syn tcp dport 22 accept; tcp flags & (syn|ack) == ack tcp dport 80 accept;
			ip6 saddr & ffff:: == fd09:: accept; ip saddr & 0.0.0.255 == 1 accept; }`,
		"states": `chain input { ` + baseInput + ` ct state invalid drop; ct state vmap { established : accept, new : continue }; ct state untracked accept;
			ct state { new, related } tcp dport 443 accept; ct state == new udp dport 22 accept; }`,
		"interfaces": `chain input { ` + baseInput + ` iif lo accept; iifname != "` + nodeLink + `" accept; iifname { "eth0", "eth1" } accept;
			iifname "k3se*" tcp dport 80 accept; iifname . tcp dport { "` + nodeLink + `" . 22 } accept; }`,
		"two chains": `chain first { type filter hook prerouting priority raw; policy accept; tcp dport 22 drop; fib daddr type != local accept; udp dport 443 drop; }
			chain second { type filter hook input priority 10; policy accept; tcp dport 80 drop; }
			chain third { type filter hook input priority -10; policy accept; tcp dport 443 accept; tcp dport 6443 drop; }`,
		"sets": `set some { type ipv4_addr; flags interval; elements = { 10.9.0.0/24, 192.0.2.128/25 }; }
			set both { type ipv4_addr . inet_service . inet_proto; flags interval; elements = { 192.0.2.0/24 . 20-30 . 6, 10.0.0.0/8 . 80 . 17 }; }
			chain input { ` + baseInput + ` ip saddr @some tcp dport 22 accept; ip saddr != @some udp dport 22 accept; ip saddr . th dport . meta l4proto @both accept; }`,
		"reject": `chain input { type filter hook input priority 0; policy accept; tcp dport 22 reject with tcp reset; udp dport 443 reject; }`,
	}
}
