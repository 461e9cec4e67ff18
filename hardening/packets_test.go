package hardening

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/k3sedge/k3sedge/hardening/facts"
	"github.com/k3sedge/k3sedge/hardening/firewall"
)

// chain changes one chain of our table in the kernel.
func chain(name string, change func(*firewall.Chain)) func(*facts.Facts, Policy) {
	return func(f *facts.Facts, _ Policy) {
		for i := range f.Firewall.Own.Chains {
			if f.Firewall.Own.Chains[i].Name == name {
				change(&f.Firewall.Own.Chains[i])
			}
		}
	}
}

func expr(kind string, args ...string) firewall.Expr {
	e := firewall.Expr{Kind: kind, Args: map[string]string{}}
	for i := 0; i < len(args); i += 2 {
		e.Args[args[i]] = args[i+1]
	}
	return e
}

func first(exprs ...firewall.Expr) func(*firewall.Chain) {
	return func(c *firewall.Chain) { c.Rules = append([]firewall.Rule{{Exprs: exprs}}, c.Rules...) }
}

func packetMutations() []mutation {
	both := func(a, b func(*facts.Facts, Policy)) func(*facts.Facts, Policy) {
		return func(f *facts.Facts, p Policy) { a(f, p); b(f, p) }
	}
	open := first(expr("verdict", "verdict", "accept"))
	shut := first(expr("counter"), expr("verdict", "verdict", "drop"))
	strange := first(expr("unheard-of", "name", "xyz"))
	dropped := firewall.Decision{Verdict: firewall.Dropped, Table: "ip filter", Hook: "input", Chain: "INPUT", Text: "tcp dport 22 drop"}
	doubtful := firewall.Decision{Verdict: firewall.Unknown, Table: "ip filter", Hook: "input", Chain: "KUBE-ROUTER-INPUT", Why: "it depends on match set"}
	ssh := func(d firewall.Decision) func(*facts.Facts, Policy) {
		return func(f *facts.Facts, p Policy) { f.Firewall.Decisions[firstSSH(p)] = d }
	}
	foreign := func(change func(*facts.Firewall)) func(*facts.Facts, Policy) {
		return func(f *facts.Facts, _ Policy) { change(f.Firewall) }
	}
	return []mutation{
		{"default accept", chain("input", func(c *firewall.Chain) { c.Policy = "accept" }), Fail, []string{"FW-01", "FW-02", "FW-14"}},
		{"another hook", chain("input", func(c *firewall.Chain) { c.Priority = 0 }), Fail, []string{"FW-01", "FW-02", "FW-14"}},
		{"accept first, the greps' blind spot", both(chain("guard", open), chain("input", open)), Fail, []string{"FW-01", "FW-03", "FW-05", "FW-08", "FW-09", "FW-10", "FW-11", "FW-12", "FW-13", "FW-14"}},
		{"drop first", chain("input", shut), Fail, []string{"FW-01", "FW-04", "FW-07", "FW-08", "FW-09", "FW-10", "FW-11", "FW-12", "FW-14"}},
		{"a rule nobody knows", chain("guard", strange), Fail, []string{"FW-01", "FW-03", "FW-04", "FW-05", "FW-06", "FW-07", "FW-08", "FW-09", "FW-10", "FW-11", "FW-12", "FW-13", "FW-14"}},
		{"a router for everybody", chain("forward", open), Fail, []string{"FW-01", "FW-03", "FW-06", "FW-12", "FW-14"}},
		{"nothing is forwarded", chain("forward", shut), Fail, []string{"FW-01", "FW-04", "FW-06", "FW-14"}},
		{"a drop that does not count", chain("input", first(expr("cmp", "left", "meta mark", "op", "eq", "right", "00000001"), expr("verdict", "verdict", "drop"))), Fail,
			[]string{"FW-01", "FW-04", "FW-07", "FW-08", "FW-09", "FW-10", "FW-11", "FW-12", "FW-14", "FW-17"}},
		{"a log without a limit", chain("forward", first(expr("log"))), Fail, []string{"FW-01", "FW-14", "FW-17"}},
		{"another table drops SSH", ssh(dropped), Fail, []string{"FW-04", "FW-08"}},
		{"another table drops what pods ask", foreign(func(f *facts.Firewall) { f.Decisions[len(f.Decisions)-1] = dropped }), Fail, []string{"FW-04", "FW-06"}},
		{"another table is not understood", ssh(doubtful), Unknown, []string{"FW-04", "FW-08"}},
		{"nobody asked the other tables", foreign(func(f *facts.Firewall) { f.Decisions = nil }), Unknown, []string{"FW-04", "FW-06", "FW-07", "FW-08", "FW-09", "FW-10", "FW-11", "FW-12"}},
		{"kube-proxy's rules are gone", foreign(func(f *facts.Firewall) { f.Kube = 0 }), Fail, []string{"FW-16"}},
		{"flannel's rules are gone", foreign(func(f *facts.Firewall) { f.Flannel = 0 }), Fail, []string{"FW-16"}},
		{"a rule that breaks iptables", foreign(func(f *facts.Firewall) {
			f.Breaks = []string{"table ip filter: chain INPUT: rule 1: ct state established accept (ct)"}
		}), Fail, []string{"FW-16"}},
		{"K3s without kube-proxy", func(f *facts.Facts, _ Policy) {
			f.Firewall.Kube = 0
			f.Listeners = slices.DeleteFunc(f.Listeners, func(l facts.Listener) bool { return l.Port == 10249 || l.Port == 10256 })
		}, NotApplicable, []string{"FW-16"}},
		{"no K3s", func(f *facts.Facts, _ Policy) {
			f.Units[k3sServerUnit] = facts.Unit{State: facts.UnitNotFound, Active: "inactive"}
		}, NotApplicable, []string{"FW-16"}},
	}
}

// firstSSH is where the agent's answer about an admin's login stands.
func firstSSH(p Policy) int {
	return slices.IndexFunc(p.paths(open), func(path Path) bool { return path.Control == "FW-08" })
}

// What another table drops is not mended by loading ours again.
func TestWhatOthersDropIsTheUsers(t *testing.T) {
	t.Parallel()
	p := testPolicy(t)
	f := clone(t, hardened(t, p))
	f.Firewall.Decisions[firstSSH(p)] = firewall.Decision{Verdict: firewall.Dropped, Table: "ip filter", Hook: "input", Chain: "INPUT", Text: "tcp dport 22 drop"}
	plan := PlanFor(f, p)
	if !plan.Empty() || len(plan.Blocked) == 0 || !strings.Contains(plan.Blocked[0], "table ip filter, which is not k3sedge's, drops SSH from admin 10.0.0.1 in chain INPUT: take out `tcp dport 22 drop`") {
		t.Errorf("plan: %+v", plan)
	}
}

// What is not understood of others' tables is told, and is no reason to stop:
// ours lets in what it shall.
func TestADoubtAboutOthersStopsNoRun(t *testing.T) {
	t.Parallel()
	p := testPolicy(t)
	f := clone(t, hardened(t, p))
	f.Firewall.Decisions[firstSSH(p)] = firewall.Decision{Verdict: firewall.Unknown, Table: "ip filter", Chain: "KUBE-ROUTER-INPUT", Why: "it depends on match set"}
	r := Judge(f, p)
	if len(r.With(Unknown)) == 0 || len(r.Blind()) != 0 || r.unknown() != nil {
		t.Errorf("unknown %+v, stops the run: %v", r.With(Unknown), r.unknown())
	}
}

// The matrix has pods and strangers to whom a host may know no way. That is
// no table's doing, and our own table's answer stands.
func TestAPacketWithoutAWayIsNoTablesDoing(t *testing.T) {
	t.Parallel()
	p := testPolicy(t)
	f := clone(t, hardened(t, p))
	for i := range f.Firewall.Decisions {
		f.Firewall.Decisions[i] = firewall.Decision{Verdict: firewall.Dropped, Hook: firewall.Routing, Why: "this host knows no way"}
	}
	for _, finding := range Judge(f, p).Findings {
		if finding.Status != Pass {
			t.Errorf("%s: %s %q", finding.ID, finding.Status, finding.Evidence)
		}
	}
}

// Where even our own rendering cannot be judged, nobody may say that it is well.
func TestARenderedTableThatCannotBeJudgedIsUnknown(t *testing.T) {
	t.Parallel()
	p := testPolicy(t)
	strange := first(expr("unheard-of", "name", "xyz"))
	f := clone(t, hardened(t, p))
	for _, table := range []*firewall.Table{f.Firewall.Own, f.Firewall.Wanted} {
		for i := range table.Chains {
			strange(&table.Chains[i])
		}
	}
	for _, finding := range Judge(f, p).Findings {
		want := Pass
		if slices.Contains([]string{"FW-03", "FW-04", "FW-05", "FW-06", "FW-07", "FW-08", "FW-09", "FW-10", "FW-11", "FW-12", "FW-13"}, finding.ID) {
			want = Unknown
		}
		if finding.Status != want {
			t.Errorf("%s: %s, wanted %s", finding.ID, finding.Status, want)
		}
	}
}

func TestASynOnlyRuleFails(t *testing.T) {
	t.Parallel()
	p := testPolicy(t)
	f := hardened(t, p)
	synOnly := []firewall.Expr{
		expr("cmp", "left", "meta l4proto", "op", "eq", "right", "06"),
		expr("cmp", "left", "payload transport 13 1", "op", "neq", "right", "02"),
		expr("cmp", "left", "ct state", "op", "eq", "right", "00000008"),
		expr("verdict", "verdict", "drop"),
	}
	chain("input", first(synOnly...))(f, p)
	findings := Judge(f, p).Findings
	i := slices.IndexFunc(findings, func(f Finding) bool { return f.ID == "FW-08" })
	if findings[i].Status != Fail || !strings.Contains(strings.Join(findings[i].Evidence, "\n"), "running SSH session") {
		t.Errorf("FW-08 is %s: %q", findings[i].Status, findings[i].Evidence)
	}
}

func TestStrangersStandRightBesideTheAllowed(t *testing.T) {
	t.Parallel()
	p := testPolicy(t)
	p.AllowFrom = []netip.Prefix{netip.MustParsePrefix("10.0.0.64/28"), netip.MustParsePrefix("10.0.0.80/32"), netip.MustParsePrefix("0.0.0.0/32")}
	var got []string
	for _, a := range p.strangers() {
		got = append(got, a.String())
	}
	want := []string{"203.0.113.7", "2001:db8:ffff::7", "10.0.0.12", "10.0.0.63", "10.0.0.81", "0.0.0.1"}
	if !slices.Equal(got, want) {
		t.Errorf("strangers %q, wanted %q", got, want)
	}
	if last := lastAddress(netip.MustParsePrefix("fd00::/64")); last != netip.MustParseAddr("fd00::ffff:ffff:ffff:ffff") {
		t.Errorf("last address %s", last)
	}
}
