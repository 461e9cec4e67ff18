package firewall

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Parse reads nft text as Render writes it: what the kernel would make of it,
// without a kernel. It knows our own ruleset's words and no others.
func Parse(ruleset string) (*Table, error) {
	p := parser{table: &Table{Chains: []Chain{}, Sets: []Set{}}}
	for i, line := range strings.Split(ruleset, "\n") {
		words, err := nftWords(line)
		if err == nil && len(words) > 0 {
			err = p.line(words)
		}
		if err != nil {
			return nil, fmt.Errorf("read ruleset: line %d: %w", i+1, err)
		}
	}
	if p.table.Name == "" || p.chain != nil || p.set != nil {
		return nil, fmt.Errorf("read ruleset: it does not end")
	}
	slices.SortFunc(p.table.Chains, func(a, b Chain) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(p.table.Sets, func(a, b Set) int { return strings.Compare(a.Name, b.Name) })
	return p.table, nil
}

// parser is where the reading stands.
type parser struct {
	table *Table
	chain *Chain
	set   *Set
	// elements says that the lines are a set's elements.
	elements bool
}

func (p *parser) line(words []string) error {
	switch {
	case p.elements:
		return p.element(words)
	case p.set != nil:
		return p.setLine(words)
	case p.chain != nil:
		return p.chainLine(words)
	case words[0] == "}":
		return nil
	case words[0] == "add", words[0] == "delete":
		return nil // makes room for the table
	case len(words) == 4 && words[0] == "table":
		p.table.Family, p.table.Name = words[1], words[2]
		return nil
	case len(words) == 3 && words[0] == "set":
		p.set = &Set{Name: words[1], Elements: []Element{}}
		return nil
	case len(words) == 3 && words[0] == "chain":
		p.chain = &Chain{Name: words[1], Rules: []Rule{}}
		return nil
	}
	return fmt.Errorf("%q is not understood", strings.Join(words, " "))
}

func (p *parser) setLine(words []string) error {
	switch words[0] {
	case "type":
		p.set.KeyType = strings.Join(words[1:], " ")
	case "flags":
		p.set.Interval = slices.Equal(words[1:], []string{"interval"})
	case "elements":
		p.elements = true
	case "}":
		slices.SortFunc(p.set.Elements, func(a, b Element) int { return strings.Compare(a.First, b.First) })
		p.table.Sets = append(p.table.Sets, *p.set)
		p.set = nil
	default:
		return fmt.Errorf("%q of a set is not understood", words[0])
	}
	return nil
}

// element is "NETWORK . PORT".
func (p *parser) element(words []string) error {
	if words[0] == "}" {
		p.elements = false
		return nil
	}
	if len(words) < 3 || words[1] != "." {
		return fmt.Errorf("%q is no network and port", strings.Join(words, " "))
	}
	prefix, err := netip.ParsePrefix(words[0])
	if err != nil {
		return err
	}
	port, err := strconv.ParseUint(words[2], 10, 16)
	if err != nil {
		return err
	}
	first := prefix.Masked().Addr().AsSlice()
	tail := fmt.Sprintf("%04x0000", port)
	p.set.Elements = append(p.set.Elements, Element{
		First: hex.EncodeToString(first) + tail, Last: hex.EncodeToString(lastOf(first, prefix.Bits())) + tail,
	})
	return nil
}

func (p *parser) chainLine(words []string) error {
	switch words[0] {
	case "}":
		p.table.Chains = append(p.table.Chains, *p.chain)
		p.chain = nil
		return nil
	case "type":
		return p.chainHead(words)
	}
	r := ruleParser{words: words, table: p.table}
	for len(r.words) > 0 {
		if err := r.next(); err != nil {
			return err
		}
	}
	p.chain.Rules = append(p.chain.Rules, r.rule)
	return nil
}

// chainHead is "type T hook H priority NAME [- N]; policy P;".
func (p *parser) chainHead(words []string) error {
	end := slices.Index(words, ";")
	if end < 6 || len(words) < end+3 {
		return fmt.Errorf("the head of chain %s is not understood", p.chain.Name)
	}
	p.chain.Type, p.chain.Hook, p.chain.Policy = words[1], words[3], words[end+2]
	base, ok := map[string]int{"filter": 0, "dstnat": -100, "raw": -300, "mangle": -150, "srcnat": 100}[words[5]]
	if !ok {
		return fmt.Errorf("priority %q is not understood", words[5])
	}
	if end == 8 {
		offset, err := strconv.Atoi(words[7])
		if err != nil {
			return err
		}
		base -= offset
	}
	p.chain.Priority = base
	return nil
}
