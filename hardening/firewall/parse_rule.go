package firewall

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// ruleParser reads one rule word by word.
type ruleParser struct {
	words []string
	table *Table // gets the anonymous sets
	rule  Rule
}

// take gives the next word, "" at the end.
func (r *ruleParser) take() string {
	if len(r.words) == 0 {
		return ""
	}
	word := r.words[0]
	r.words = r.words[1:]
	return word
}

func (r *ruleParser) add(kind string, args ...string) {
	expr := Expr{Kind: kind, Args: map[string]string{}}
	for i := 0; i+1 < len(args); i += 2 {
		expr.Args[args[i]] = args[i+1]
	}
	r.rule.Exprs = append(r.rule.Exprs, expr)
}

func (r *ruleParser) equal(left, right string) {
	r.add("cmp", "left", left, "op", "eq", "right", right)
}

// next reads one condition or statement.
func (r *ruleParser) next() error {
	switch word := r.take(); word {
	case "accept", "drop":
		r.add("verdict", "verdict", word)
	case "counter":
		r.add("counter")
	case "comment":
		r.rule.Comment = unquote(r.take())
	case "log":
		r.take() // prefix
		r.add("log", "level", "4", "prefix", unquote(r.take()))
	case "limit":
		return r.limit()
	default:
		return r.condition(word)
	}
	return nil
}

func unquote(word string) string { return strings.TrimPrefix(word, `"`) }

func (r *ruleParser) condition(word string) error {
	switch word {
	case "iif":
		if r.take() != `"lo` {
			return fmt.Errorf("only the index of lo is known")
		}
		r.equal("meta iif", loopbackIndex)
	case "iifname", "oifname":
		r.equal("meta "+word, hex.EncodeToString(exactName(unquote(r.take())).value))
	case "ip", "ip6":
		return r.address(word)
	case "tcp", "udp":
		return r.port(word)
	case "ct", "icmp", "icmpv6", "meta", "fib":
		return r.named(word)
	default:
		return fmt.Errorf("%q is not understood", word)
	}
	return nil
}

// limit is "rate N/UNIT [burst N packets]".
func (r *ruleParser) limit() error {
	r.take()
	rate, unit, _ := strings.Cut(r.take(), "/")
	per, ok := map[string]string{"second": "1", "minute": "60", "hour": "3600", "day": "86400"}[unit]
	if !ok {
		return fmt.Errorf("a limit per %q is not understood", unit)
	}
	burst := "5"
	if len(r.words) > 2 && r.words[0] == "burst" {
		burst, r.words = r.words[1], r.words[3:]
	}
	r.add("limit", "rate", rate, "per", per, "burst", burst, "type", "packets", "over", "false")
	return nil
}

// family asks for IPv4 or IPv6, as nft does before it looks into a header.
func (r *ruleParser) family(word string) {
	r.equal("meta nfproto", map[string]string{"ip": "02", "ip6": "0a"}[word])
}

func (r *ruleParser) protocol(name string) error {
	for number, known := range protocolNames() {
		if known == name {
			r.equal("meta l4proto", fmt.Sprintf("%02x", number))
			return nil
		}
	}
	return fmt.Errorf("protocol %q is not known", name)
}

// address is "saddr NETWORK" or "saddr . tcp dport @SET".
func (r *ruleParser) address(family string) error {
	side := r.take()
	offsets := map[string][2]int{"ip saddr": {12, 4}, "ip daddr": {16, 4}, "ip6 saddr": {8, 16}, "ip6 daddr": {24, 16}}
	at, ok := offsets[family+" "+side]
	if !ok {
		return fmt.Errorf("%s %q is not understood", family, side)
	}
	r.family(family)
	word := r.take()
	if word == "." {
		return r.addressAndPort(at)
	}
	if !strings.Contains(word, "/") {
		word += "/" + strconv.Itoa(8*at[1])
	}
	network, err := netip.ParsePrefix(word)
	if err != nil {
		return err
	}
	bits, start := network.Bits(), network.Addr().AsSlice()
	if bits%8 == 0 { // nft compares the first bytes only
		r.equal(fmt.Sprintf("payload network %d %d", at[0], bits/8), hex.EncodeToString(start[:bits/8]))
		return nil
	}
	mask := lastOf(make([]byte, at[1]), 0)
	for i, b := range lastOf(make([]byte, at[1]), bits) {
		mask[i] &^= b
	}
	r.equal(fmt.Sprintf("payload network %d %d & %x ^ %0*x", at[0], at[1], mask, 2*at[1], 0), hex.EncodeToString(start))
	return nil
}

func (r *ruleParser) addressAndPort(at [2]int) error {
	if err := r.protocol(r.take()); err != nil {
		return err
	}
	r.take() // dport
	set := strings.TrimPrefix(r.take(), "@")
	r.add("lookup", "left", fmt.Sprintf("payload network %d %d . payload transport 2 2", at[0], at[1]), "op", "in", "set", set)
	return nil
}

// port is "dport NUMBER".
func (r *ruleParser) port(protocol string) error {
	if word := r.take(); word != "dport" {
		return fmt.Errorf("%s %q is not understood", protocol, word)
	}
	number, err := strconv.ParseUint(r.take(), 10, 16)
	if err != nil {
		return err
	}
	if err := r.protocol(protocol); err != nil {
		return err
	}
	r.equal("payload transport 2 2", fmt.Sprintf("%04x", number))
	return nil
}

// named is a field whose values have names.
func (r *ruleParser) named(word string) error {
	field := word + " " + r.take()
	if field == "fib daddr" {
		field += " " + r.take()
	}
	kind, ok := namedFields()[field]
	if !ok {
		return fmt.Errorf("%q is not understood", field)
	}
	if word == "icmp" || word == "icmpv6" {
		r.family(map[string]string{"icmp": "ip", "icmpv6": "ip6"}[word])
		if err := r.protocol(word); err != nil {
			return err
		}
	}
	op := "eq"
	if len(r.words) > 0 && r.words[0] == "!=" {
		op = "neq"
		r.take()
	}
	values, set, err := r.values(kind)
	switch {
	case err != nil:
		return err
	case kind.bits:
		mask := strings.Repeat("0", 8)
		for _, value := range values {
			mask = fmt.Sprintf("%08x", number32(mask)|number32(value))
		}
		r.add("cmp", "left", kind.left+" & "+mask+" ^ 00000000", "op", "neq", "right", "00000000")
	case set:
		r.add("lookup", "left", kind.left, "op", map[string]string{"eq": "in", "neq": "notin"}[op], "set", r.anonymous(kind, values))
	default:
		r.add("cmp", "left", kind.left, "op", op, "right", values[0])
	}
	return nil
}

func number32(text string) uint64 {
	number, _ := strconv.ParseUint(text, 16, 32) // made by values
	return number
}

// values are one value, several joined by commas, or those of a set in braces.
func (r *ruleParser) values(kind namedField) (values []string, set bool, err error) {
	names := []string{r.take()}
	if names[0] == "{" {
		set, names = true, nil
		for word := r.take(); word != "}" && word != ""; word = r.take() {
			names = append(names, word)
		}
	}
	for !set && len(r.words) > 1 && r.words[0] == "," {
		r.take()
		names = append(names, r.take())
	}
	for _, name := range names {
		if name == "," {
			continue
		}
		number, ok := kind.names[name]
		if !ok {
			return nil, false, fmt.Errorf("%s %q is not known", kind.kind, name)
		}
		values = append(values, fmt.Sprintf("%0*x", 2*kind.size, number))
	}
	if len(values) == 0 {
		return nil, false, fmt.Errorf("%s without a value", kind.kind)
	}
	return values, set, nil
}

// anonymous adds a set without a name to the table.
func (r *ruleParser) anonymous(kind namedField, values []string) string {
	set := Set{Name: fmt.Sprintf("#%d", len(r.table.Sets)+1), KeyType: kind.kind, Elements: []Element{}}
	slices.Sort(values)
	for _, value := range values {
		set.Elements = append(set.Elements, Element{First: value, Last: value})
	}
	r.table.Sets = append(r.table.Sets, set)
	return set.Name
}
