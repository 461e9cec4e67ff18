package firewall

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Equal tells whether got is what want says, and if not, what differs: which
// chain, rule or element is missing, which was added. A table that is not
// there is equal to nothing. The order of chains and the numbers of anonymous
// sets mean nothing; the order of rules does.
func Equal(want, got *Table) (bool, []string) {
	if want == nil {
		return false, []string{"it is not known what the table should be"}
	}
	if got == nil {
		return false, []string{fmt.Sprintf("table %s %s is missing", want.Family, want.Name)}
	}
	var diff []string
	if want.Family != got.Family || want.Name != got.Name {
		diff = append(diff, fmt.Sprintf("table is %s %s, want %s %s", got.Family, got.Name, want.Family, want.Name))
	}
	if want.Dormant != got.Dormant {
		diff = append(diff, fmt.Sprintf("table is dormant: %t, want %t", got.Dormant, want.Dormant))
	}
	diff = append(diff, diffChains(want, got)...)
	diff = append(diff, diffSets(want, got)...)
	return len(diff) == 0, diff
}

// diffNamed compares what both sides have by name; the rest is missing or added.
func diffNamed[T any](kind string, want, got map[string]T, compare func(want, got T) []string) []string {
	names := slices.AppendSeq(slices.Collect(maps.Keys(want)), maps.Keys(got))
	slices.Sort(names)
	var diff []string
	for _, name := range slices.Compact(names) {
		w, wanted := want[name]
		g, there := got[name]
		switch {
		case !there:
			diff = append(diff, fmt.Sprintf("%s %s is missing", kind, name))
		case !wanted:
			diff = append(diff, fmt.Sprintf("%s %s was added", kind, name))
		default:
			diff = append(diff, compare(w, g)...)
		}
	}
	return diff
}

func diffChains(want, got *Table) []string {
	byName := func(t *Table) map[string]Chain {
		chains := map[string]Chain{}
		for _, chain := range t.Chains {
			chains[chain.Name] = chain
		}
		return chains
	}
	return diffNamed("chain", byName(want), byName(got), func(w, g Chain) []string {
		diff := diffBase(w, g)
		return append(diff, diffRules(w.Name, rulesOf(want, w), rulesOf(got, g))...)
	})
}

func diffBase(want, got Chain) []string {
	var diff []string
	for _, field := range []struct{ name, want, got string }{
		{"type", want.Type, got.Type},
		{"hook", want.Hook, got.Hook},
		{"priority", fmt.Sprint(want.Priority), fmt.Sprint(got.Priority)},
		{"policy", want.Policy, got.Policy},
	} {
		if field.want != field.got {
			diff = append(diff, fmt.Sprintf("chain %s: %s is %q, want %q", want.Name, field.name, field.got, field.want))
		}
	}
	return diff
}

// ruleLine is a rule for comparing: key is everything that counts, text is for people.
type ruleLine struct{ key, text string }

func rulesOf(t *Table, chain Chain) []ruleLine {
	lines := make([]ruleLine, 0, len(chain.Rules))
	for _, rule := range chain.Rules {
		lines = append(lines, ruleLine{key: t.ruleKey(rule), text: t.Describe(rule)})
	}
	return lines
}

// ruleKey has an anonymous set's content in place of its number.
func (t *Table) ruleKey(rule Rule) string {
	var key strings.Builder
	for _, expr := range rule.Exprs {
		fmt.Fprintf(&key, "%q", expr.Kind)
		for _, name := range slices.Sorted(maps.Keys(expr.Args)) {
			value := expr.Args[name]
			if set := t.set(value); name == "set" && set != nil && strings.HasPrefix(value, "#") {
				value = setKey(*set)
			}
			fmt.Fprintf(&key, " %q=%q", name, value)
		}
		key.WriteByte(';')
	}
	fmt.Fprintf(&key, "%q", rule.Comment)
	return key.String()
}

func setKey(set Set) string {
	return fmt.Sprintf("%q %t %q %q", set.KeyType, set.Interval, set.Flags, elementKeys(set))
}

func elementKeys(set Set) []string {
	keys := make([]string, 0, len(set.Elements))
	for _, e := range set.Elements {
		keys = append(keys, elementKey(e))
	}
	slices.Sort(keys)
	return keys
}

func elementKey(e Element) string {
	return fmt.Sprintf("%q %q %q %q", e.First, e.Last, e.Data, e.Conditions)
}

// diffRules keeps the longest common run of rules, in order; the others are
// missing or were added. The numbers are those of the side that has the rule.
func diffRules(chain string, want, got []ruleLine) []string {
	common := commonLengths(want, got)
	var diff []string
	i, j := 0, 0
	for i < len(want) || j < len(got) {
		switch {
		case i < len(want) && j < len(got) && want[i].key == got[j].key:
			i, j = i+1, j+1
		case j == len(got) || i < len(want) && common[i+1][j] >= common[i][j+1]:
			diff = append(diff, fmt.Sprintf("chain %s: rule %d is missing: %s", chain, i+1, want[i].text))
			i++
		default:
			diff = append(diff, fmt.Sprintf("chain %s: rule %d was added: %s", chain, j+1, got[j].text))
			j++
		}
	}
	return diff
}

// commonLengths is, for every two rests, how many rules they have in common in order.
func commonLengths(want, got []ruleLine) [][]int {
	lengths := make([][]int, len(want)+1)
	for i := range lengths {
		lengths[i] = make([]int, len(got)+1)
	}
	for i := len(want) - 1; i >= 0; i-- {
		for j := len(got) - 1; j >= 0; j-- {
			if want[i].key == got[j].key {
				lengths[i][j] = lengths[i+1][j+1] + 1
			} else {
				lengths[i][j] = max(lengths[i+1][j], lengths[i][j+1])
			}
		}
	}
	return lengths
}

// diffSets leaves anonymous sets out: they are compared where they are used.
func diffSets(want, got *Table) []string {
	byName := func(t *Table) map[string]Set {
		sets := map[string]Set{}
		for _, set := range t.Sets {
			if !strings.HasPrefix(set.Name, "#") {
				sets[set.Name] = set
			}
		}
		return sets
	}
	return diffNamed("set", byName(want), byName(got), diffSet)
}

func diffSet(want, got Set) []string {
	var diff []string
	wantKind := fmt.Sprintf("%s, intervals %t, flags %q", want.KeyType, want.Interval, want.Flags)
	gotKind := fmt.Sprintf("%s, intervals %t, flags %q", got.KeyType, got.Interval, got.Flags)
	if wantKind != gotKind {
		diff = append(diff, fmt.Sprintf("set %s is of %s, want %s", want.Name, gotKind, wantKind))
	}
	wanted, there := elementKeys(want), elementKeys(got)
	for _, e := range want.Elements {
		if !slices.Contains(there, elementKey(e)) {
			diff = append(diff, fmt.Sprintf("set %s: element %s is missing", want.Name, elementText(want.KeyType, e)))
		}
	}
	for _, e := range got.Elements {
		if !slices.Contains(wanted, elementKey(e)) {
			diff = append(diff, fmt.Sprintf("set %s: element %s was added", want.Name, elementText(got.KeyType, e)))
		}
	}
	return diff
}
