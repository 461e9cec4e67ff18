package firewall

import (
	"net/netip"
	"testing"
)

// map routes know one address of the host's own, and the way to the pods.
type fixedRoutes map[string]Route

func (r fixedRoutes) Route(_, dst netip.Addr, _ string) (Route, error) {
	route, ok := r[dst.String()]
	if !ok {
		return Route{}, ErrNoRoute
	}
	return route, nil
}

// base is a chain at a hook.
func base(kind, hook string, priority int, policy string, rules ...Rule) Chain {
	return Chain{Name: hook + kind, Type: kind, Hook: hook, Priority: priority, Policy: policy, Rules: rules}
}

func named(family, name string, chains ...Chain) *Table {
	return &Table{Family: family, Name: name, Chains: chains}
}

func dnat(addr, port string) Expr { return expression("dnat", "addr", addr, "port", port) }

func TestAllTablesAreAsked(t *testing.T) {
	t.Parallel()
	toPort := func(port string) Expr {
		return expression("cmp", "left", "payload transport 2 2", "op", "eq", "right", port)
	}
	marked := expression("cmp", "left", "meta mark", "op", "eq", "right", "00000001")
	mark := expression("set", "what", "meta mark", "value", "imm 00000001")
	open := named("inet", "open", base("filter", "input", 0, "accept"))
	toPod := named("ip", "nat", base("nat", "prerouting", -100, "accept", do(toPort("7580"), dnat("imm 0a2a000a", "imm 1f90"))))
	routes := fixedRoutes{"10.9.0.1": {Local: true}, "10.42.0.10": {Oif: "cni0"}}
	for name, c := range map[string]struct {
		rules  Ruleset
		routes Router
		port   uint16
		want   Verdict
		where  string // table and hook
		to     string
	}{
		"no table at all":      {Ruleset{}, nil, 22, Accepted, " ", ""},
		"nobody at the hook":   {Ruleset{Tables: []*Table{named("inet", "t", base("filter", "forward", 0, "drop"))}}, nil, 22, Accepted, " ", ""},
		"one accepts":          {Ruleset{Tables: []*Table{open}}, nil, 22, Accepted, "inet open input", ""},
		"another drops":        {Ruleset{Tables: []*Table{open, named("ip", "z", base("filter", "input", 10, "drop"))}}, nil, 22, Dropped, "ip z input", ""},
		"an earlier one drops": {Ruleset{Tables: []*Table{open, named("ip", "z", base("filter", "input", -10, "drop"))}}, nil, 22, Dropped, "ip z input", ""},
		"the other family's":   {Ruleset{Tables: []*Table{open, named("ip6", "z", base("filter", "input", 10, "drop"))}}, nil, 22, Accepted, "inet open input", ""},
		"a dormant one":        {Ruleset{Tables: []*Table{open, {Family: "ip", Name: "z", Dormant: true, Chains: []Chain{base("filter", "input", 0, "drop")}}}}, nil, 22, Accepted, "inet open input", ""},
		"nobody marks it":      {Ruleset{Tables: []*Table{named("inet", "t", base("filter", "input", 0, "accept", do(marked, verdict("drop"))))}}, nil, 22, Accepted, "inet t input", ""},
		"an earlier one marks it": {Ruleset{Tables: []*Table{
			named("inet", "t", base("filter", "input", 0, "accept", do(marked, verdict("drop")))), named("ip", "m", base("filter", "prerouting", -150, "accept", do(mark))),
		}}, nil, 22, Dropped, "inet t input", ""},
		"translated, then forwarded": {Ruleset{Tables: []*Table{toPod, named("inet", "t", base("filter", "input", 0, "drop"))}}, routes, 30080, Accepted, "ip nat prerouting", "10.42.0.10:8080"},
		"translated, then dropped":   {Ruleset{Tables: []*Table{toPod, named("inet", "t", base("filter", "forward", 0, "drop"))}}, routes, 30080, Dropped, "inet t forward", ""},
		"guarded before":             {Ruleset{Tables: []*Table{toPod, named("inet", "t", base("filter", "prerouting", -110, "accept", do(toPort("7580"), verdict("drop"))))}}, routes, 30080, Dropped, "inet t prerouting", ""},
		"guarded behind":             {Ruleset{Tables: []*Table{toPod, named("inet", "t", base("filter", "prerouting", -90, "accept", do(toPort("7580"), verdict("drop"))))}}, routes, 30080, Accepted, "ip nat prerouting", "10.42.0.10:8080"},
		"another port":               {Ruleset{Tables: []*Table{toPod, named("inet", "t", base("filter", "input", 0, "drop"))}}, routes, 30081, Dropped, "inet t input", ""},
		"nobody knows where it goes": {Ruleset{Tables: []*Table{toPod, named("inet", "t", base("filter", "input", 0, "drop"))}}, nil, 30080, Unknown, " ", ""},
		"it dies either way": {Ruleset{Tables: []*Table{toPod, named("inet", "t", base("filter", "input", 0, "drop"), base("filter", "forward", 0, "drop"))}},
			nil, 30080, Dropped, "inet t forward", ""},
		"sent to nowhere":         {Ruleset{Tables: []*Table{toPod}}, fixedRoutes{}, 30080, Dropped, "ip nat prerouting", ""},
		"rules that are not read": {Ruleset{Tables: []*Table{open}, Legacy: []string{"ip filter"}}, nil, 22, Unknown, " ", ""},
		"a drop that they cannot undo": {Ruleset{Tables: []*Table{named("inet", "t", base("filter", "prerouting", -110, "drop"))}, Legacy: []string{"ip nat"}},
			nil, 22, Dropped, "inet t prerouting", ""},
		"a drop that they may go round": {Ruleset{Tables: []*Table{named("inet", "t", base("filter", "input", 0, "drop"))}, Legacy: []string{"ip nat"}}, nil, 22, Unknown, " ", ""},
		"the other family's old rules":  {Ruleset{Tables: []*Table{open}, Legacy: []string{"ip6 filter"}}, nil, 22, Accepted, "inet open input", ""},
		"inside a bridge":               {Ruleset{Tables: []*Table{open, named("bridge", "b", base("filter", "input", 0, "drop"))}}, nil, 22, Unknown, " ", ""},
		"two at once, and one marks": {Ruleset{Tables: []*Table{
			named("inet", "t", base("filter", "input", 0, "accept", do(marked, verdict("drop")))), named("ip", "m", base("filter", "input", 0, "accept", do(mark))),
		}}, nil, 22, Unknown, " ", ""},
	} {
		p := packetTo("10.9.0.2", "tcp", c.port)
		got := c.rules.Judge(c.routes).Decide(p)
		where := got.Table + " " + got.Hook
		if got.Verdict != c.want || c.want != Unknown && where != c.where || got.To != c.to || got.Why == "" {
			t.Errorf("%s: got %+v, want %s at %q", name, got, c.want, c.where)
		}
	}
}

// What this host sends passes output, and comes in by lo where it is for itself.
func TestWhatTheHostSends(t *testing.T) {
	t.Parallel()
	rules := Ruleset{Tables: []*Table{named("inet", "t",
		base("filter", "output", 0, "accept", do(expression("cmp", "left", "payload transport 2 2", "op", "eq", "right", "0019"), verdict("drop"))),
		base("filter", "input", 0, "drop", do(expression("cmp", "left", "meta iif", "op", "eq", "right", "00000001"), verdict("accept"))))}}
	here := netip.MustParseAddr("10.9.0.1")
	for name, c := range map[string]struct {
		packet Packet
		want   Verdict
	}{
		"out":              {Packet{FromHost: true, Src: here, Dst: netip.MustParseAddr("10.9.0.2"), Proto: "tcp", DstPort: 443}, Accepted},
		"out, not allowed": {Packet{FromHost: true, Src: here, Dst: netip.MustParseAddr("10.9.0.2"), Proto: "tcp", DstPort: 25}, Dropped},
		"to itself":        {Packet{FromHost: true, Src: here, Dst: here, Local: true, Proto: "tcp", DstPort: 443}, Accepted},
		"from outside":     {Packet{Iif: "eth0", Src: netip.MustParseAddr("10.9.0.2"), Dst: here, Local: true, Proto: "tcp", DstPort: 443}, Dropped},
	} {
		if got := rules.Judge(nil).Decide(c.packet); got.Verdict != c.want {
			t.Errorf("%s: got %+v, want %s", name, got, c.want)
		}
	}
}

func TestLocate(t *testing.T) {
	t.Parallel()
	routes := fixedRoutes{"10.9.0.1": {Local: true}, "10.9.0.2": {Oif: "eth0"}, "10.42.0.10": {Oif: "cni0"}}
	judge := (&Ruleset{}).Judge(routes)
	packet := func(src, dst string) Packet {
		return Packet{Src: netip.MustParseAddr(src), Dst: netip.MustParseAddr(dst), Proto: "tcp", DstPort: 22}
	}
	for name, c := range map[string]struct {
		packet   Packet
		iif, oif string
		local    bool
	}{
		"in":        {packet("10.9.0.2", "10.9.0.1"), "eth0", "", true},
		"through":   {packet("10.9.0.2", "10.42.0.10"), "eth0", "cni0", false},
		"out":       {packet("10.9.0.1", "10.9.0.2"), "", "eth0", false},
		"no way on": {packet("10.9.0.2", "192.0.2.1"), "eth0", "", false},
	} {
		got, err := judge.Locate(c.packet)
		if err != nil || got.Iif != c.iif || got.Oif != c.oif || got.Local != c.local || got.FromHost != (name == "out") {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	for _, p := range []Packet{packet("192.0.2.1", "10.9.0.1"), {}} {
		if got, err := judge.Locate(p); err == nil {
			t.Errorf("%+v: got %+v", p, got)
		}
	}
	decisions := judge.DecideHere([]Packet{packet("10.9.0.2", "192.0.2.1"), packet("192.0.2.1", "10.9.0.1"), {Src: netip.MustParseAddr("10.9.0.2"), Dst: netip.MustParseAddr("192.0.2.9"), Local: true, Proto: "udp"}})
	if decisions[0].Hook != Routing || decisions[1].Verdict != Accepted || decisions[2].Verdict != Accepted {
		t.Errorf("decisions: %+v", decisions)
	}
}

func TestDescribeTranslations(t *testing.T) {
	t.Parallel()
	for want, expr := range map[string]Expr{
		"dnat to 10.42.0.10:8080":       dnat("imm 0a2a000a", "imm 1f90"),
		"dnat to [fd42::10]:8080":       dnat("imm fd420000000000000000000000000010", "imm 1f90"),
		"dnat to 10.42.0.10-10.42.0.13": expression("dnat", "addr", "imm 0a2a000a", "addrLast", "imm 0a2a000d"),
		"redirect to :443":              expression("redirect", "port", "imm 01bb", "portLast", "imm 01bb"),
		"masquerade":                    expression("masquerade"),
		"dnat to ? several":             expression("dnat", "addr", "? several"),
		"dport { 22, 80-443 }":          expression("ports", "sides", "destination", "list", "0016-0016,0050-01bb", "op", "eq"),
		"port != { 22 }":                expression("ports", "sides", "source destination", "list", "0016-0016", "op", "neq"),
		"comment \"service portals\"":   expression("note", "name", "comment", "text", "service portals"),
		"match physdev":                 expression("match", "name", "physdev", "raw", "00"),
		"meta mark set imm 00000001":    expression("set", "what", "meta mark", "value", "imm 00000001"),
	} {
		if got := (*Table)(nil).Describe(do(expr)); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
