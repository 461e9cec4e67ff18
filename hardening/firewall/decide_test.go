package firewall

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// reference is the table that the kernel made of referencePolicy.
func reference(t testing.TB) *Table {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "reference.json"))
	if err != nil {
		t.Fatal(err)
	}
	var table Table
	if err := json.Unmarshal(data, &table); err != nil {
		t.Fatal(err)
	}
	return &table
}

// packetTo is a packet to a port of this host.
func packetTo(src, proto string, port uint16) Packet {
	p := Packet{Iif: "eth0", Src: netip.MustParseAddr(src), Local: true, Proto: proto, DstPort: port}
	p.Dst = netip.MustParseAddr("10.9.0.1")
	if p.Src.Is6() {
		p.Dst = netip.MustParseAddr("fd09::1")
	}
	return p
}

func TestDecideReference(t *testing.T) {
	t.Parallel()
	with := func(p Packet, change func(*Packet)) Packet {
		change(&p)
		return p
	}
	for _, c := range []struct {
		name   string
		packet Packet
		want   Verdict
		chain  string
	}{
		{"admin to ssh", packetTo("10.9.0.200", "tcp", 22), Accepted, "input"},
		{"admin to ssh, not the first packet", with(packetTo("10.9.0.2", "tcp", 22), func(p *Packet) { p.TCPFlags = TCPAck }), Accepted, "input"},
		{"admin to ssh over IPv6", packetTo("2001:db8::5", "tcp", 22), Accepted, "input"},
		{"stranger to ssh", packetTo("10.9.1.2", "tcp", 22), Dropped, "guard"},
		{"stranger to ssh over IPv6", packetTo("2001:db8:1::5", "tcp", 22), Dropped, "guard"},
		{"stranger to the open port", packetTo("198.51.100.1", "tcp", 443), Accepted, "input"},
		{"stranger to the open port over IPv6", packetTo("2a00::1", "tcp", 443), Accepted, "input"},
		{"stranger to its neighbour", packetTo("198.51.100.1", "tcp", 444), Dropped, "guard"},
		{"stranger to the same port of udp", packetTo("198.51.100.1", "udp", 443), Dropped, "guard"},
		{"node port", packetTo("198.51.100.1", "tcp", 30080), Dropped, "guard"},
		{"peer to vxlan", packetTo("10.9.0.12", "udp", 8472), Accepted, "input"},
		{"other to vxlan", packetTo("10.9.0.13", "udp", 8472), Dropped, "guard"},
		{"answer", with(packetTo("198.51.100.1", "tcp", 50000), func(p *Packet) { p.CTState = CTEstablished }), Accepted, "input"},
		{"invalid to ssh", with(packetTo("10.9.0.2", "tcp", 22), func(p *Packet) { p.CTState = CTInvalid }), Dropped, "guard"},
		{"loopback", with(packetTo("127.0.0.1", "tcp", 6443), func(p *Packet) { p.Iif = "lo" }), Accepted, "input"},
		{"loopback address from outside", with(packetTo("127.0.0.1", "tcp", 443), func(p *Packet) {}), Dropped, "guard"},
		{"to another machine", with(packetTo("10.9.0.2", "tcp", 22), func(p *Packet) { p.Local = false }), Dropped, "forward"},
		{"multicast", with(packetTo("10.9.0.2", "udp", 5353), func(p *Packet) { p.Local, p.Dst = false, netip.MustParseAddr("224.0.0.251") }), Dropped, "input"},
		{"broadcast", with(packetTo("10.9.0.2", "udp", 67), func(p *Packet) { p.Local, p.Dst = false, netip.MustParseAddr("255.255.255.255") }), Dropped, "input"},
		{"neighbour discovery", Packet{Iif: "eth0", Src: netip.MustParseAddr("fe80::1"), Dst: netip.MustParseAddr("ff02::1:ff00:1"),
			Proto: "icmpv6", ICMPType: 135, CTState: CTUntracked}, Accepted, "input"},
		{"interface not known, nor needed", with(packetTo("10.9.1.2", "tcp", 22), func(p *Packet) { p.Iif = "" }), Unknown, ""},
	} {
		got := reference(t).Decide(c.packet)
		if got.Verdict != c.want || got.Chain != c.chain || got.Why == "" || got.Limited {
			t.Errorf("%s: got %+v, want %s by %q", c.name, got, c.want, c.chain)
		}
	}
}

func TestDecideLimited(t *testing.T) {
	t.Parallel()
	for _, p := range []Packet{
		{Iif: "eth0", Src: netip.MustParseAddr("10.9.0.2"), Dst: netip.MustParseAddr("10.9.0.1"), Local: true, Proto: "icmp", ICMPType: 8},
		{Iif: "eth0", Src: netip.MustParseAddr("fd09::2"), Dst: netip.MustParseAddr("fd09::1"), Local: true, Proto: "icmpv6", ICMPType: 128},
	} {
		got := reference(t).Decide(p)
		if got.Verdict != Accepted || !got.Limited {
			t.Errorf("echo request: got %+v, want it accepted and limited", got)
		}
	}
}

// tableOf is a table with the given chains; the first rule that a test needs is written with do.
func tableOf(chains ...Chain) *Table { return &Table{Family: "inet", Name: "t", Chains: chains} }

func inputChain(policy string, rules ...Rule) Chain {
	return Chain{Name: "input", Type: "filter", Hook: "input", Policy: policy, Rules: rules}
}

func do(exprs ...Expr) Rule { return Rule{Exprs: exprs} }

func expression(kind string, args ...string) Expr {
	e := Expr{Kind: kind, Args: map[string]string{}}
	for i := 0; i+1 < len(args); i += 2 {
		e.Args[args[i]] = args[i+1]
	}
	return e
}

func verdict(name string, chain ...string) Expr {
	return expression("verdict", "verdict", name, "chain", strings.Join(chain, ""))
}

func TestDecideTraps(t *testing.T) {
	t.Parallel()
	mark := expression("cmp", "left", "meta mark", "op", "eq", "right", "00000001")
	dport := expression("cmp", "left", "payload transport 2 2", "op", "eq", "right", "0016")
	limit := expression("limit", "rate", "1", "per", "1", "burst", "5", "type", "packets", "over", "false")
	over := expression("limit", "rate", "1", "per", "1", "burst", "5", "type", "packets", "over", "true")
	strange := expression("unknown", "name", "osf", "raw", "00")
	guard := Chain{Name: "guard", Hook: "prerouting", Policy: "drop"}
	for name, c := range map[string]struct {
		table *Table
		want  Verdict
	}{
		"no table":                              {nil, Unknown},
		"empty table":                           {tableOf(), Unknown},
		"no chain at the last hook":             {tableOf(Chain{Name: "g", Hook: "prerouting", Policy: "accept"}), Unknown},
		"dropped before it matters":             {tableOf(guard), Dropped},
		"chain without policy":                  {tableOf(inputChain("")), Unknown},
		"policy drop":                           {tableOf(inputChain("drop")), Dropped},
		"policy accept":                         {tableOf(inputChain("accept")), Accepted},
		"policy drop, accept first":             {tableOf(inputChain("drop", do(verdict("accept")))), Accepted},
		"drop shadowed by accept":               {tableOf(inputChain("drop", do(dport, verdict("accept")), do(dport, verdict("drop")))), Accepted},
		"dormant":                               {&Table{Family: "inet", Dormant: true, Chains: []Chain{inputChain("drop")}}, Unknown},
		"family that sees no IP":                {&Table{Family: "bridge", Chains: []Chain{inputChain("drop")}}, Unknown},
		"family of IPv6":                        {&Table{Family: "ip6", Chains: []Chain{inputChain("drop")}}, Unknown},
		"ingress":                               {tableOf(inputChain("accept"), Chain{Name: "i", Hook: "ingress", Policy: "drop"}), Dropped},
		"a hook of the future":                  {tableOf(inputChain("drop"), Chain{Name: "i", Hook: "hook 9", Policy: "accept"}), Unknown},
		"not understood":                        {tableOf(inputChain("drop", do(strange, verdict("accept")))), Unknown},
		"not understood, after a decision":      {tableOf(inputChain("drop", do(dport, verdict("drop")), do(strange))), Dropped},
		"open condition, same end":              {tableOf(inputChain("drop", do(mark, verdict("drop")))), Dropped},
		"open condition, other end":             {tableOf(inputChain("drop", do(mark, verdict("accept")))), Unknown},
		"limited accept":                        {tableOf(inputChain("drop", do(limit, verdict("accept")))), Accepted},
		"limited drop lets a flood in":          {tableOf(inputChain("accept", do(limit, verdict("drop")))), Unknown},
		"drop beyond a limit":                   {tableOf(inputChain("accept", do(over, verdict("drop")))), Accepted},
		"limited accept, dropped anyway":        {tableOf(inputChain("drop", do(limit, expression("log")))), Dropped},
		"limit and open condition":              {tableOf(inputChain("drop", do(limit, mark, verdict("accept")))), Unknown},
		"missing set":                           {tableOf(inputChain("drop", do(expression("lookup", "left", "meta l4proto", "op", "in", "set", "x"), verdict("accept")))), Unknown},
		"jump to itself":                        {tableOf(inputChain("drop", do(verdict("jump", "input")))), Unknown},
		"jump to nowhere":                       {tableOf(inputChain("accept", do(verdict("jump", "gone")))), Unknown},
		"goto does not come back":               {tableOf(inputChain("accept", do(verdict("goto", "x")), do(verdict("drop"))), Chain{Name: "x"}), Accepted},
		"jump comes back":                       {tableOf(inputChain("accept", do(verdict("jump", "x")), do(verdict("drop"))), Chain{Name: "x"}), Dropped},
		"verdict that is not known":             {tableOf(inputChain("accept", do(verdict("stolen")))), Unknown},
		"accept here, drop in the next chain":   {tableOf(inputChain("accept"), Chain{Name: "z", Hook: "input", Priority: 5, Policy: "drop"}), Dropped},
		"a later accept does not save":          {tableOf(inputChain("drop"), Chain{Name: "z", Hook: "input", Priority: 5, Policy: "accept"}), Dropped},
		"prerouting asked first":                {tableOf(guard, inputChain("accept")), Dropped},
		"comparison that is no comparison":      {tableOf(inputChain("drop", do(expression("cmp", "left", "meta l4proto", "op", "is", "right", "06"), verdict("accept")))), Unknown},
		"comparison with no data":               {tableOf(inputChain("drop", do(expression("cmp", "left", "meta l4proto", "op", "eq"), verdict("accept")))), Unknown},
		"map that is not there":                 {tableOf(inputChain("drop", do(expression("vmap", "left", "meta l4proto", "set", "m")))), Unknown},
		"untracked by our own rule":             {tableOf(inputChain("drop", do(expression("notrack")))), Dropped},
		"rejected":                              {tableOf(inputChain("accept", do(expression("reject")))), Dropped},
		"open conditions without a verdict end": {tableOf(inputChain("drop", do(mark, expression("counter")))), Dropped},
	} {
		if got := c.table.Decide(packetTo("10.9.0.2", "tcp", 22)); got.Verdict != c.want || got.Why == "" {
			t.Errorf("%s: got %+v, want %s", name, got, c.want)
		}
	}
}

func TestDecideRefusesImpossiblePackets(t *testing.T) {
	t.Parallel()
	table := tableOf(inputChain("accept"))
	for name, spoil := range map[string]func(*Packet){
		"no source":       func(p *Packet) { p.Src = netip.Addr{} },
		"two families":    func(p *Packet) { p.Src = netip.MustParseAddr("fd00::1") },
		"IPv4 in IPv6":    func(p *Packet) { p.Src, p.Dst = netip.MustParseAddr("::ffff:1.2.3.4"), netip.MustParseAddr("fd00::1") },
		"no protocol":     func(p *Packet) { p.Proto = "" },
		"icmpv6 in IPv4":  func(p *Packet) { p.Proto = "icmpv6" },
		"no such state":   func(p *Packet) { p.CTState = "fresh" },
		"other protocols": func(p *Packet) { p.Proto = "sctp" },
	} {
		p := packetTo("10.9.0.2", "tcp", 22)
		spoil(&p)
		if got := table.Decide(p); got.Verdict != Unknown {
			t.Errorf("%s: got %+v", name, got)
		}
	}
}

// Too many ways are a reason not to know, not to go on for ever.
func TestDecideGivesUp(t *testing.T) {
	t.Parallel()
	var rules []Rule
	for i := range 60 {
		mark := fmt.Sprintf("%08x", i)
		rules = append(rules, do(expression("cmp", "left", "meta mark", "op", "eq", "right", mark), verdict("jump", "x")))
	}
	table := tableOf(inputChain("drop", rules...), Chain{Name: "x", Rules: []Rule{do(expression("counter"))}})
	if got := table.Decide(packetTo("10.9.0.2", "tcp", 22)); got.Verdict != Unknown {
		t.Errorf("got %+v", got)
	}
}

func FuzzDecide(f *testing.F) {
	data, err := json.Marshal(reference(f))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(data), uint16(22))
	f.Add(`{"family":"inet","chains":[{"hook":"input","policy":"drop","rules":[{"exprs":[{"kind":"cmp","args":{"left":"payload network 12 4 & ff ^ 00"}}]}]}]}`, uint16(1))
	f.Add(`{"family":"inet","chains":[{"hook":"input","rules":[{"exprs":[{"kind":"lookup","args":{"left":"imm 00 . meta iif","op":"in","set":"s"}}]}]}],"sets":[{"name":"s","elements":[{"first":"0","last":"zz"}]}]}`, uint16(1))
	f.Fuzz(func(t *testing.T, text string, port uint16) {
		var table Table
		if json.Unmarshal([]byte(text), &table) != nil {
			return
		}
		for _, src := range []string{"10.9.0.2", "fd09::2"} {
			got := table.Decide(packetTo(src, "tcp", port))
			if got.Verdict != Accepted && got.Verdict != Dropped && got.Verdict != Unknown {
				t.Errorf("verdict %q", got.Verdict)
			}
		}
		if same, diff := Equal(&table, &table); !same {
			t.Errorf("not equal to itself: %v", diff)
		}
		for _, chain := range table.Chains {
			for _, rule := range chain.Rules {
				_ = table.Describe(rule)
			}
		}
	})
}
