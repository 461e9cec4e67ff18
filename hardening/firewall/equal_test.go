package firewall

import (
	"slices"
	"strings"
	"testing"
)

func chainOf(t *testing.T, table *Table, name string) *Chain {
	t.Helper()
	for i := range table.Chains {
		if table.Chains[i].Name == name {
			return &table.Chains[i]
		}
	}
	t.Fatalf("no chain %s", name)
	return nil
}

func TestEqualToItself(t *testing.T) {
	t.Parallel()
	if same, diff := Equal(reference(t), reference(t)); !same || len(diff) > 0 {
		t.Errorf("differs from itself: %v", diff)
	}
}

func TestEqualNothing(t *testing.T) {
	t.Parallel()
	for _, pair := range [][2]*Table{{nil, nil}, {nil, reference(t)}, {reference(t), nil}} {
		if same, diff := Equal(pair[0], pair[1]); same || len(diff) != 1 {
			t.Errorf("same %t, differences %v", same, diff)
		}
	}
}

// Every change, however small, is one difference that names it.
func TestEqualFindsChange(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(t *testing.T, table *Table){
		`chain input: policy is "accept", want "drop"`: func(t *testing.T, x *Table) { chainOf(t, x, "input").Policy = "accept" },
		`chain guard: priority is "-90", want "-110"`:  func(t *testing.T, x *Table) { chainOf(t, x, "guard").Priority = -90 },
		`chain guard: hook is "input", want`:           func(t *testing.T, x *Table) { chainOf(t, x, "guard").Hook = "input" },
		`chain guard: type is "nat", want`:             func(t *testing.T, x *Table) { chainOf(t, x, "guard").Type = "nat" },
		"chain forward is missing":                     func(t *testing.T, x *Table) { x.Chains = x.Chains[1:] },
		"chain extra was added":                        func(_ *testing.T, x *Table) { x.Chains = append(x.Chains, Chain{Name: "extra"}) },
		"set tcp6 is missing": func(_ *testing.T, x *Table) {
			x.Sets = slices.DeleteFunc(x.Sets, func(s Set) bool { return s.Name == "tcp6" })
		},
		"set extra was added":                            func(_ *testing.T, x *Table) { x.Sets = append(x.Sets, Set{Name: "extra"}) },
		"set tcp4: element 0.0.0.0/0 . 443 is missing":   func(_ *testing.T, x *Table) { x.set("tcp4").Elements = x.set("tcp4").Elements[1:] },
		"set tcp4: element 10.9.0.0/24 . 23 was added":   func(_ *testing.T, x *Table) { addElement(x, "tcp4", "0a09000000170000", "0a0900ff00170000") },
		"set udp4: element 1.1.1.1-1.1.1.3 . 9 was":      func(_ *testing.T, x *Table) { addElement(x, "udp4", "0101010100090000", "0101010300090000") },
		"intervals false":                                func(_ *testing.T, x *Table) { x.set("udp6").Interval = false },
		"table is dormant":                               func(_ *testing.T, x *Table) { x.Dormant = true },
		"table is inet other":                            func(_ *testing.T, x *Table) { x.Name = "other" },
		`chain input: rule 1 was added: accept`:          func(t *testing.T, x *Table) { insertRule(chainOf(t, x, "input"), 0, do(verdict("accept"))) },
		`chain input: rule 1 is missing: iif lo accept`:  func(t *testing.T, x *Table) { c := chainOf(t, x, "input"); c.Rules = c.Rules[1:] },
		`rule 15 is missing: counter drop`:               func(t *testing.T, x *Table) { c := chainOf(t, x, "input"); c.Rules = c.Rules[:len(c.Rules)-1] },
		`comment "gone"`:                                 func(t *testing.T, x *Table) { chainOf(t, x, "guard").Rules[1].Comment = "gone" },
		`{ 130, 134, 135, 136 }`:                         func(_ *testing.T, x *Table) { x.set("#1").Elements = x.set("#1").Elements[1:] },
		`limit rate 600 packets/minute burst 12 log pre`: func(t *testing.T, x *Table) { changeLimit(chainOf(t, x, "forward")) },
	} {
		table := reference(t)
		change(t, table)
		same, diff := Equal(reference(t), table)
		if same || !strings.Contains(strings.Join(diff, "\n"), want) {
			t.Errorf("want %q, got %q", want, diff)
		}
		if back, reverse := Equal(table, reference(t)); back || len(reverse) != len(diff) {
			t.Errorf("%q: the other way round it is %q", want, reverse)
		}
	}
}

func addElement(table *Table, set, first, last string) {
	found := table.set(set)
	found.Elements = append(found.Elements, Element{First: first, Last: last})
}

func insertRule(chain *Chain, at int, rule Rule) { chain.Rules = slices.Insert(chain.Rules, at, rule) }

func changeLimit(chain *Chain) {
	for _, rule := range chain.Rules {
		if rule.Exprs[0].Kind == "limit" {
			rule.Exprs[0].Args["rate"] = "600"
		}
	}
}

func TestEqualSeesOrderOfRules(t *testing.T) {
	t.Parallel()
	table := reference(t)
	rules := chainOf(t, table, "input").Rules
	rules[0], rules[1] = rules[1], rules[0]
	if same, diff := Equal(reference(t), table); same || len(diff) != 2 {
		t.Errorf("two rules changed places: %q", diff)
	}
}

func TestEqualIgnoresWhatMeansNothing(t *testing.T) {
	t.Parallel()
	table := reference(t)
	slices.Reverse(table.Chains)
	slices.Reverse(table.Sets)
	slices.Reverse(table.set("tcp4").Elements)
	renumber(table)
	if same, diff := Equal(reference(t), table); !same {
		t.Errorf("differs: %q", diff)
	}
}

// renumber gives the anonymous sets other numbers, as another order of use would.
func renumber(table *Table) {
	for i := range table.Sets {
		table.Sets[i].Name = strings.Replace(table.Sets[i].Name, "#", "#1", 1)
	}
	for _, chain := range table.Chains {
		for _, rule := range chain.Rules {
			for _, expr := range rule.Exprs {
				if set, has := expr.Args["set"]; has {
					expr.Args["set"] = strings.Replace(set, "#", "#1", 1)
				}
			}
		}
	}
}

func TestDescribeReference(t *testing.T) {
	t.Parallel()
	table := reference(t)
	var text strings.Builder
	for _, chain := range table.Chains {
		text.WriteString(chain.Name + "\n")
		for _, rule := range chain.Rules {
			text.WriteString("\t" + table.Describe(rule) + "\n")
		}
	}
	golden(t, "reference.txt", text.String())
	lookup := do(expression("lookup", "left", "meta l4proto", "op", "notin", "set", "#2"), verdict("drop"))
	if got := (*Table)(nil).Describe(lookup); got != "l4proto != @#2 drop" {
		t.Errorf("got %q", got)
	}
}
