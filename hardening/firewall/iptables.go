package firewall

import (
	"fmt"
	"slices"
	"strings"
)

// iptablesChains are the base chains that iptables makes in its tables, with
// the one type, hook and priority that it accepts for each.
func iptablesChains() map[string]map[string]Chain {
	at := func(kind string, priority int, hooks ...string) map[string]Chain {
		chains := map[string]Chain{}
		for _, hook := range hooks {
			chains[strings.ToUpper(hook)] = Chain{Type: kind, Hook: hook, Priority: priority}
		}
		return chains
	}
	tables := map[string]map[string]Chain{
		"filter":   at("filter", 0, "input", "forward", "output"),
		"mangle":   at("filter", -150, "prerouting", "input", "forward", "postrouting"),
		"raw":      at("filter", -300, "prerouting", "output"),
		"security": at("filter", 50, "input", "forward", "output"),
		"nat":      at("nat", priorityDestNAT, "prerouting", "output"),
	}
	tables["mangle"]["OUTPUT"] = Chain{Type: "route", Hook: "output", Priority: -150}
	for _, hook := range []string{"input", "postrouting"} {
		tables["nat"][strings.ToUpper(hook)] = Chain{Type: "nat", Hook: hook, Priority: prioritySourceNAT}
	}
	return tables
}

// ofIptables tells whether iptables takes a table for its own.
func ofIptables(family, name string) bool {
	return (family == "ip" || family == "ip6") && iptablesChains()[name] != nil
}

// BreaksIptables names what is in the table that iptables cannot read, such as
// a rule that somebody added with nft. Where there is any, `iptables -S` fails,
// and so does whatever part of K3s runs it.
func (t *Table) BreaksIptables() []string {
	if !ofIptables(t.Family, t.Name) {
		return nil
	}
	var found []string
	for _, chain := range t.Chains {
		where := fmt.Sprintf("table %s %s: chain %s", t.Family, t.Name, chain.Name)
		own, known := iptablesChains()[t.Name][chain.Name]
		if chain.Hook != "" && (!known || own.Type != chain.Type || own.Hook != chain.Hook || own.Priority != chain.Priority) {
			found = append(found, fmt.Sprintf("%s: type %s hook %s priority %d", where, chain.Type, chain.Hook, chain.Priority))
		}
		for i, rule := range chain.Rules {
			if rule.Native != "" {
				found = append(found, fmt.Sprintf("%s: rule %d: %s (%s)", where, i+1, t.Describe(rule), rule.Native))
			}
		}
	}
	return found
}

// ChainsNamed counts the chains whose name begins so.
func (t *Table) ChainsNamed(prefix string) int {
	count := 0
	for _, chain := range t.Chains {
		if strings.HasPrefix(chain.Name, prefix) {
			count++
		}
	}
	return count
}

// readable are the kinds of expressions that iptables can read.
func readable(name string) bool {
	return slices.Contains([]string{"match", "target", "payload", "meta", "cmp", "bitwise", "counter", "immediate", "lookup", "range"}, name)
}
