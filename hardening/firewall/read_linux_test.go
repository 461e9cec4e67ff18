package firewall

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func scratch(t *testing.T, ruleset string) *Table {
	t.Helper()
	table, err := Scratch(t.Context(), ruleset)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// The recorded table is what the portable tests judge by, so it must be what
// the kernel makes of the rendered text.
func TestRecordedTableIsTheKernels(t *testing.T) {
	needNamespaces(t)
	t.Parallel()
	version, err := exec.Command("nft", "--version").Output()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(version), "v1.0.6") {
		t.Skipf("skipped: the table is recorded with nft 1.0.6 of Debian 12, this is %s", version)
	}
	text, err := Render(referencePolicy())
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.MarshalIndent(scratch(t, text), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "reference.json", string(data)+"\n")
}

func TestRenderedAlwaysLoads(t *testing.T) {
	needNamespaces(t)
	t.Parallel()
	random := rand.New(rand.NewPCG(5, 6))
	for range 60 {
		addrs := pool()
		for range 8 {
			var v4 [4]byte
			var v6 [16]byte
			for i := range v6 {
				v4[i%4], v6[i] = byte(random.Uint32()), byte(random.Uint32())
			}
			addrs = append(addrs, netip.AddrFrom4(v4), netip.AddrFrom16(v6))
		}
		text, err := Render(randomPolicy(random, addrs))
		if err != nil {
			t.Fatal(err)
		}
		first, second := scratch(t, text), scratch(t, text+text)
		if same, diff := Equal(first, second); !same {
			t.Errorf("loading twice is not loading once: %v", diff)
		}
		parsed, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if same, diff := Equal(first, parsed); !same {
			t.Errorf("read without a kernel it is another table: %v\n%s", diff, text)
		}
		if unknowns := unknownExprs(first); len(unknowns) > 0 {
			t.Errorf("our own ruleset is not understood: %v", unknowns)
		}
	}
}

func unknownExprs(t *Table) []Expr {
	var found []Expr
	for _, chain := range t.Chains {
		for _, rule := range chain.Rules {
			for _, expr := range rule.Exprs {
				if expr.Kind == "unknown" || strings.Contains(expr.Args["left"], "?") {
					found = append(found, expr)
				}
			}
		}
	}
	return found
}

func TestLoadingTouchesNoOtherTable(t *testing.T) {
	needNamespaces(t)
	t.Parallel()
	text, err := Render(referencePolicy())
	if err != nil {
		t.Fatal(err)
	}
	ns := newNamespace(t)
	ns.load(t, `table ip filter { chain KUBE-X { counter accept; }; }
		table inet other { set s { type ipv4_addr; elements = { 10.0.0.1 }; }; }`)
	filter, other := ns.read(t, "ip", "filter"), ns.read(t, "inet", "other")
	ns.do(t, func() error { return loadText(t.Context(), text) })
	for _, before := range []*Table{filter, other} {
		if same, diff := Equal(before, ns.read(t, before.Family, before.Name)); !same {
			t.Errorf("loading ours changed a foreign table: %v", diff)
		}
	}
	ns.do(t, func() error {
		names, err := List()
		if want := []string{"inet k3sedge", "inet other", "ip filter"}; !slices.Equal(names, want) {
			t.Errorf("tables %v, want %v", names, want)
		}
		return err
	})
}

func TestBothReadersReadTheSame(t *testing.T) {
	needNamespaces(t)
	t.Parallel()
	text, err := Render(referencePolicy())
	if err != nil {
		t.Fatal(err)
	}
	ns := newNamespace(t)
	ns.load(t, text+"table netdev n { chain i { type filter hook ingress device lo priority 0; policy accept; drop; }; }")
	ns.do(t, func() error {
		rules, err := ReadRuleset()
		if err != nil {
			return err
		}
		if len(rules.Tables) != 2 || rules.Tables[1].Chains[0].Hook != "ingress" || !slices.Equal(rules.Tables[1].Chains[0].Devices, []string{"lo"}) {
			t.Errorf("tables: %+v", rules.Tables)
		}
		one, err := ReadTable(TableFamily, TableName)
		if same, diff := Equal(one, rules.Tables[0]); !same {
			t.Errorf("the whole ruleset has another table: %v", diff)
		}
		return err
	})
}

func TestReadTableMissing(t *testing.T) {
	needNamespaces(t)
	t.Parallel()
	ns := newNamespace(t)
	ns.load(t, "table ip k3sedge { }")
	ns.do(t, func() error {
		table, err := ReadTable("inet", "k3sedge")
		if table != nil || !errors.Is(err, ErrNoTable) {
			t.Errorf("got %v, %v, want ErrNoTable", table, err)
		}
		return nil
	})
}

// What the decoder does not know must stay visible: left out, the rule would
// read as a plain accept.
func TestUnknownStaysVisible(t *testing.T) {
	needNamespaces(t)
	t.Parallel()
	for _, rule := range []string{
		"rt classid 1 accept", "socket transparent 1 accept", "osf name \"Linux\" accept",
		"numgen random mod 2 0 accept", "jhash ip saddr mod 2 0 accept", "tcp option maxseg size 1 accept",
		"ct count 5 accept", "quota 10 bytes accept", "meta mark set meta mark << 1 accept",
		"queue num 1", "update @dyn { ip saddr limit rate 1/second } accept",
	} {
		table, err := Scratch(t.Context(), `table inet x {
			set dyn { type ipv4_addr; size 10; flags dynamic; }
			chain input { type filter hook input priority 0; policy drop; `+rule+`; };
		}`)
		if err != nil {
			t.Logf("%s: not known to this kernel or nft: %v", rule, err)
			continue
		}
		if len(unknownExprs(table)) == 0 {
			t.Errorf("%s: read as %s", rule, table.Describe(table.Chains[0].Rules[0]))
		}
		got := table.Decide(Packet{Src: pool()[0], Dst: pool()[1], Local: true, Proto: "tcp", DstPort: 1})
		if got.Verdict != Unknown {
			t.Errorf("%s: judged %+v", rule, got)
		}
	}
}

func TestSetsThatDependOnTraffic(t *testing.T) {
	needNamespaces(t)
	t.Parallel()
	for set, want := range map[string]Verdict{
		"flags timeout; elements = { 10.9.0.2 timeout 1h }":                     Unknown,
		"flags dynamic; size 10":                                                Unknown,
		"limit rate 1/second; elements = { 10.9.0.2 }":                          Unknown,
		"flags interval; elements = { 10.9.0.0-10.9.0.9, 10.9.0.10-10.9.0.12 }": Accepted,
		"elements = { 10.9.0.2 }":                                               Accepted,
		"elements = { 10.9.0.3 }":                                               Dropped,
	} {
		table, err := Scratch(t.Context(), `table inet x { set s { type ipv4_addr; `+set+`; }
			chain input { type filter hook input priority 0; policy drop; ip saddr @s accept; }
		}`)
		if err != nil {
			t.Logf("%s: not known to this kernel or nft: %v", set, err)
			continue
		}
		got := table.Decide(Packet{Src: pool()[0], Dst: pool()[1], Local: true, Proto: "tcp", DstPort: 1})
		if got.Verdict != want {
			t.Errorf("%s: judged %+v, want %s", set, got, want)
		}
	}
}

func TestDormantTable(t *testing.T) {
	needNamespaces(t)
	t.Parallel()
	table := scratch(t, `table inet x { flags dormant; chain input { type filter hook input priority 0; policy drop; }; }`)
	if !table.Dormant {
		t.Error("the table is dormant and does not say so")
	}
	awake := scratch(t, `table inet x { chain input { type filter hook input priority 0; policy drop; }; }`)
	if same, _ := Equal(awake, table); same {
		t.Error("a dormant table is equal to one that is awake")
	}
}

func TestNeighboursAreOneInterval(t *testing.T) {
	needNamespaces(t)
	t.Parallel()
	read := func(elements string) []Element {
		return scratch(t, `table inet x { set s { type inet_service; flags interval; elements = { `+elements+` }; }; }`).Sets[0].Elements
	}
	want := []Element{{First: "0000", Last: "000a"}, {First: "0014", Last: "001e"}, {First: "fff0", Last: "ffff"}}
	if got := read("0-10, 20-25, 26-30, 65520-65535"); !slices.EqualFunc(got, want, func(a, b Element) bool { return elementKey(a) == elementKey(b) }) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestScratchRefuses(t *testing.T) {
	needNamespaces(t)
	t.Parallel()
	for _, text := range []string{"", "table inet x {", "table inet x { }\ntable inet y { }"} {
		if table, err := Scratch(t.Context(), text); err == nil {
			t.Errorf("%q: got %+v", text, table)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Scratch(ctx, "table inet x { }"); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: got %v", err)
	}
}

// Whatever a kernel sends, reading it ends with a rule or an error.
func FuzzDecodeRule(f *testing.F) {
	f.Add([]byte{8, 0, 1, 0, 'c', 'm', 'p', 0}, []byte{0, 2, 'x', 0})
	f.Add([]byte{}, []byte{0, 200, 'x'})
	f.Fuzz(func(t *testing.T, exprs, notes []byte) {
		names := &setNames{sets: map[string]kernelSet{"s": {name: "s", keyLen: 4}}, numbers: map[string]int{}}
		rule, err := decodeRule(attributes{unix.NFTA_RULE_EXPRESSIONS: exprs, unix.NFTA_RULE_USERDATA: notes}, names)
		if err == nil {
			_ = (*Table)(nil).Describe(rule)
		}
		_ = orderOf(notes)
		for _, name := range []string{"meta", "ct", "payload", "fib", "bitwise", "byteorder", "immediate", "cmp", "range", "lookup", "limit", "log"} {
			decoder := &ruleDecoder{sets: names}
			for _, expr := range decoder.decode(name, exprs) {
				if expr.Kind == "" {
					t.Errorf("%s: an expression without a kind", name)
				}
			}
		}
	})
}
