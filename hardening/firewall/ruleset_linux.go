package firewall

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"
)

// ReadRuleset reads all tables of the calling thread's network namespace. It
// asks once for each kind of object, so that a ruleset of thousands of chains
// costs little more than one of ten.
func ReadRuleset() (*Ruleset, error) {
	var err error
	for range readAttempts {
		var rules *Ruleset
		if rules, err = rulesetUnchanged(); err == nil {
			return rules, nil
		}
		if !errors.Is(err, errChanged) {
			break
		}
	}
	return nil, fmt.Errorf("read ruleset: %w", err)
}

func rulesetUnchanged() (*Ruleset, error) {
	before, err := generation()
	if err != nil {
		return nil, err
	}
	rules, readErr := rulesetOnce()
	after, err := generation()
	if err != nil {
		return nil, err
	}
	if before != after {
		return nil, errChanged
	}
	return rules, readErr
}

// tableKey names a table.
type tableKey struct {
	family byte
	name   string
}

// gathering is a ruleset while its objects come in.
type gathering struct {
	tables map[tableKey]*Table
	names  map[tableKey]*setNames
	chains map[tableKey]map[string]*Chain
}

func rulesetOnce() (*Ruleset, error) {
	g := gathering{map[tableKey]*Table{}, map[tableKey]*setNames{}, map[tableKey]map[string]*Chain{}}
	for _, step := range []struct {
		message uint16
		take    func(object) error
	}{
		{unix.NFT_MSG_GETTABLE, g.table}, {unix.NFT_MSG_GETCHAIN, g.chain}, {unix.NFT_MSG_GETSET, g.set}, {unix.NFT_MSG_GETRULE, g.rule},
	} {
		objects, err := dumpAll(step.message)
		if err != nil {
			return nil, err
		}
		for _, o := range objects {
			if err := step.take(o); err != nil {
				return nil, err
			}
		}
	}
	rules := &Ruleset{Tables: []*Table{}}
	for key, table := range g.tables {
		for _, chain := range g.chains[key] {
			table.Chains = append(table.Chains, *chain)
		}
		slices.SortFunc(table.Chains, func(a, b Chain) int { return cmp.Compare(a.Name, b.Name) })
		var err error
		if table.Sets, err = readElements(key.family, key.name, g.names[key]); err != nil {
			return nil, err
		}
		rules.Tables = append(rules.Tables, table)
	}
	slices.SortFunc(rules.Tables, func(a, b *Table) int {
		return cmp.Or(cmp.Compare(a.Family, b.Family), cmp.Compare(a.Name, b.Name))
	})
	rules.Legacy = legacyTables()
	return rules, nil
}

func (g gathering) table(o object) error {
	key := tableKey{o.family, o.text(unix.NFTA_TABLE_NAME)}
	g.tables[key] = &Table{
		Family: families()[nftables.TableFamily(o.family)], Name: key.name,
		Dormant: dormant(o.u32(unix.NFTA_TABLE_FLAGS)), Chains: []Chain{}, Sets: []Set{},
	}
	g.names[key] = &setNames{family: o.family, iptables: ofIptables(g.tables[key].Family, key.name), sets: map[string]kernelSet{}, numbers: map[string]int{}}
	g.chains[key] = map[string]*Chain{}
	return nil
}

func (g gathering) chain(o object) error {
	key := tableKey{o.family, o.text(unix.NFTA_CHAIN_TABLE)}
	if g.tables[key] == nil {
		return errChanged
	}
	chain := &Chain{Name: o.text(unix.NFTA_CHAIN_NAME), Rules: []Rule{}}
	g.chains[key][chain.Name] = chain
	if o.attributes[unix.NFTA_CHAIN_HOOK] == nil {
		return nil
	}
	hook, err := parseAttributes(o.attributes[unix.NFTA_CHAIN_HOOK])
	if err != nil {
		return err
	}
	chain.Type = o.text(unix.NFTA_CHAIN_TYPE)
	chain.Hook = hookName(nftables.TableFamily(o.family), nftables.ChainHook(hook.u32(unix.NFTA_HOOK_HOOKNUM)))
	chain.Priority = int(int32(hook.u32(unix.NFTA_HOOK_PRIORITY)))
	policy := nftables.ChainPolicy(o.u32(unix.NFTA_CHAIN_POLICY))
	chain.Policy = policyName(&policy)
	chain.Devices, err = devices(hook)
	return err
}

func (g gathering) set(o object) error {
	names := g.names[tableKey{o.family, o.text(unix.NFTA_SET_TABLE)}]
	if names == nil {
		return errChanged
	}
	names.add(o.attributes)
	return nil
}

func (g gathering) rule(o object) error {
	key := tableKey{o.family, o.text(unix.NFTA_RULE_TABLE)}
	chain := g.chains[key][o.text(unix.NFTA_RULE_CHAIN)]
	if chain == nil {
		return errChanged
	}
	rule, err := decodeRule(o.attributes, g.names[key])
	if err != nil {
		return fmt.Errorf("read chain %s: %w", chain.Name, err)
	}
	chain.Rules = append(chain.Rules, rule)
	return nil
}
