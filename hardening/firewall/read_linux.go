package firewall

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/userdata"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// errChanged says that somebody loaded rules while a table was being read.
var errChanged = errors.New("the ruleset changed while it was being read")

// readAttempts is how often a table is read anew when it changes meanwhile.
const readAttempts = 5

// families are nft's names of the families.
func families() map[nftables.TableFamily]string {
	return map[nftables.TableFamily]string{
		nftables.TableFamilyINet: "inet", nftables.TableFamilyIPv4: "ip", nftables.TableFamilyIPv6: "ip6",
		nftables.TableFamilyARP: "arp", nftables.TableFamilyNetdev: "netdev", nftables.TableFamilyBridge: "bridge",
	}
}

// List names the tables of the calling thread's network namespace as "family name".
func List() ([]string, error) {
	tables, err := (&nftables.Conn{}).ListTables()
	if err != nil {
		return nil, fmt.Errorf("list tables: %w", err)
	}
	names := make([]string, 0, len(tables))
	for _, table := range tables {
		names = append(names, families()[table.Family]+" "+table.Name)
	}
	slices.Sort(names)
	return names, nil
}

// ReadTable reads one table of the calling thread's network namespace. Its
// error wraps ErrNoTable when there is none of that name.
func ReadTable(family, name string) (*Table, error) {
	var err error
	for range readAttempts {
		var table *Table
		if table, err = readUnchanged(family, name); err == nil {
			return table, nil
		}
		if !errors.Is(err, errChanged) {
			break
		}
	}
	return nil, fmt.Errorf("read table %s %s: %w", family, name, err)
}

// readUnchanged refuses a table that was put together from two rulesets.
func readUnchanged(family, name string) (*Table, error) {
	conn := &nftables.Conn{}
	before, err := generation()
	if err != nil {
		return nil, err
	}
	table, readErr := readOnce(conn, family, name)
	after, err := generation()
	if err != nil {
		return nil, err
	}
	if before != after {
		return nil, errChanged
	}
	return table, readErr
}

func readOnce(conn *nftables.Conn, family, name string) (*Table, error) {
	found, err := findTable(conn, family, name)
	if err != nil {
		return nil, err
	}
	names, err := readSets(byte(found.Family), name)
	if err != nil {
		return nil, err
	}
	table := &Table{Family: family, Name: name, Dormant: dormant(found.Flags), Chains: []Chain{}, Sets: []Set{}}
	if table.Chains, err = readChains(conn, found); err != nil {
		return nil, err
	}
	if err := readRules(table, byte(found.Family), names); err != nil {
		return nil, err
	}
	table.Sets, err = readElements(byte(found.Family), name, names)
	return table, err
}

func findTable(conn *nftables.Conn, family, name string) (*nftables.Table, error) {
	tables, err := conn.ListTables()
	if err != nil {
		return nil, fmt.Errorf("list tables: %w", err)
	}
	for _, table := range tables {
		if table.Name == name && families()[table.Family] == family {
			return table, nil
		}
	}
	return nil, ErrNoTable
}

// dormant reads the flag in either byte order: google/nftables v0.3.0 takes
// the field in the machine's, the kernel sends it in the network's.
func dormant(flags uint32) bool {
	const flag = 1
	return flags&flag != 0 || flags&(flag<<24) != 0
}

func readChains(conn *nftables.Conn, table *nftables.Table) ([]Chain, error) {
	listed, err := conn.ListChainsOfTableFamily(table.Family)
	if err != nil {
		return nil, fmt.Errorf("list chains: %w", err)
	}
	chains := []Chain{}
	for _, item := range listed {
		if item.Table == nil || item.Table.Name != table.Name {
			continue
		}
		chain := Chain{Name: item.Name, Rules: []Rule{}}
		if item.Hooknum != nil && item.Priority != nil {
			chain.Type, chain.Hook, chain.Priority = string(item.Type), hookName(table.Family, *item.Hooknum), int(*item.Priority)
			chain.Policy = policyName(item.Policy)
		}
		chains = append(chains, chain)
	}
	slices.SortFunc(chains, func(a, b Chain) int { return cmp.Compare(a.Name, b.Name) })
	return chains, nil
}

func hookName(family nftables.TableFamily, hook nftables.ChainHook) string {
	names := []string{"prerouting", "input", "forward", "output", "postrouting", "ingress"}
	switch family {
	case nftables.TableFamilyARP:
		names = []string{"input", "output"}
	case nftables.TableFamilyNetdev:
		names = []string{"ingress", "egress"}
	}
	if name, ok := nameOf(names, uint32(hook)); ok {
		return name
	}
	return fmt.Sprintf("hook %d", hook)
}

func policyName(policy *nftables.ChainPolicy) string {
	switch {
	case policy == nil:
		return ""
	case *policy == nftables.ChainPolicyDrop:
		return "drop"
	case *policy == nftables.ChainPolicyAccept:
		return "accept"
	}
	return fmt.Sprintf("policy %d", *policy)
}

// readRules fills the chains. Anonymous sets are numbered on the way, so the
// chains must be in their final order.
func readRules(table *Table, family byte, names *setNames) error {
	for i := range table.Chains {
		chain := &table.Chains[i]
		objects, err := dump(unix.NFT_MSG_GETRULE, family, []netlink.Attribute{
			textAttribute(unix.NFTA_RULE_TABLE, table.Name), textAttribute(unix.NFTA_RULE_CHAIN, chain.Name),
		})
		if err != nil {
			return err
		}
		for _, a := range objects {
			if a.text(unix.NFTA_RULE_TABLE) != table.Name || a.text(unix.NFTA_RULE_CHAIN) != chain.Name {
				continue
			}
			rule, err := decodeRule(a, names)
			if err != nil {
				return fmt.Errorf("read chain %s: %w", chain.Name, err)
			}
			chain.Rules = append(chain.Rules, rule)
		}
	}
	return nil
}

func decodeRule(a attributes, names *setNames) (Rule, error) {
	rule := Rule{Exprs: []Expr{}, Comment: commentOf(a[unix.NFTA_RULE_USERDATA])}
	list, err := listAttributes(a[unix.NFTA_RULE_EXPRESSIONS])
	if err != nil {
		return rule, err
	}
	decoder := &ruleDecoder{sets: names}
	for _, expr := range list {
		decoded := decoder.decode(expr.text(unix.NFTA_EXPR_NAME), expr[unix.NFTA_EXPR_DATA])
		rule.Exprs = append(rule.Exprs, decoded...)
		if rule.Native == "" && names.iptables && !iptablesReads(expr) {
			rule.Native = expr.text(unix.NFTA_EXPR_NAME)
		}
	}
	return rule, nil
}

// iptablesReads tells whether iptables can read an expression.
func iptablesReads(expr attributes) bool {
	name := expr.text(unix.NFTA_EXPR_NAME)
	data, err := parseAttributes(expr[unix.NFTA_EXPR_DATA])
	switch {
	case readable(name):
		return name != "meta" || data[unix.NFTA_META_SREG] == nil
	case err != nil:
		return false
	case name == "limit":
		return data.u32(unix.NFTA_LIMIT_TYPE) == 0 && data.u32(unix.NFTA_LIMIT_FLAGS) == 0
	case name == "log":
		return data[unix.NFTA_LOG_GROUP] != nil
	}
	return false
}

// commentOf reads nft's note with a rule, of which a comment is the first entry.
func commentOf(notes []byte) string {
	if len(notes) < 2 || notes[0] != byte(userdata.TypeComment) || len(notes) < 2+int(notes[1]) {
		return ""
	}
	return string(bytes.TrimRight(notes[2:2+int(notes[1])], "\x00"))
}

func readElements(family byte, table string, names *setNames) ([]Set, error) {
	sets := []Set{}
	for _, kernelName := range slices.Sorted(maps.Keys(names.sets)) {
		kernel := names.sets[kernelName]
		objects, err := dump(unix.NFT_MSG_GETSETELEM, family, []netlink.Attribute{
			textAttribute(unix.NFTA_SET_ELEM_LIST_TABLE, table), textAttribute(unix.NFTA_SET_ELEM_LIST_SET, kernelName),
		})
		if err != nil {
			return nil, err
		}
		var raw []attributes
		for _, a := range objects {
			list, err := listAttributes(a[unix.NFTA_SET_ELEM_LIST_ELEMENTS])
			if err != nil {
				return nil, err
			}
			raw = append(raw, list...)
		}
		set, err := kernel.model(names.model(kernelName), raw)
		if err != nil {
			return nil, err
		}
		sets = append(sets, set)
	}
	slices.SortFunc(sets, func(a, b Set) int { return cmp.Compare(a.Name, b.Name) })
	return sets, nil
}
