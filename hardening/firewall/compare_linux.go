package firewall

import (
	"encoding/hex"
	"strings"

	"golang.org/x/sys/unix"
)

// cmpOps are the kernel's comparisons, by number.
func cmpOps() []string { return []string{"eq", "neq", "lt", "lte", "gt", "gte"} }

func (d *ruleDecoder) cmp(a attributes) ([]Expr, bool) {
	op, ok := nameOf(cmpOps(), a.u32(unix.NFTA_CMP_OP))
	data, err := a.value(unix.NFTA_CMP_DATA)
	if !ok || err != nil || !a.only(unix.NFTA_CMP_SREG, unix.NFTA_CMP_OP, unix.NFTA_CMP_DATA) {
		return nil, false
	}
	operands, ok := d.regs.get(a.u32(unix.NFTA_CMP_SREG), len(data))
	if !ok || partOfNumber(operands, len(data)) {
		return nil, false
	}
	return one("cmp", "left", joinOperands(operands), "op", op, "right", hexOf(data, operands)), true
}

// partOfNumber tells whether only some bytes of a number in the machine's
// order are compared, for which the model has no form.
func partOfNumber(operands []operand, size int) bool {
	for _, op := range operands {
		if op.host && size < op.size {
			return true
		}
		size -= padded(op.size)
	}
	return false
}

func (d *ruleDecoder) rangeOf(a attributes) ([]Expr, bool) {
	op, ok := nameOf(cmpOps(), a.u32(unix.NFTA_RANGE_OP))
	first, firstErr := a.value(unix.NFTA_RANGE_FROM_DATA)
	last, lastErr := a.value(unix.NFTA_RANGE_TO_DATA)
	if !ok || firstErr != nil || lastErr != nil || len(first) != len(last) ||
		!a.only(unix.NFTA_RANGE_SREG, unix.NFTA_RANGE_OP, unix.NFTA_RANGE_FROM_DATA, unix.NFTA_RANGE_TO_DATA) {
		return nil, false
	}
	operands, ok := d.regs.get(a.u32(unix.NFTA_RANGE_SREG), len(first))
	if !ok || len(operands) != 1 || operands[0].size != len(first) {
		return nil, false
	}
	return one("range", "left", operands[0].text, "op", op,
		"first", hexOf(first, operands), "last", hexOf(last, operands)), true
}

// lookup leaves out the set's number: it is a transaction's and means nothing later.
func (d *ruleDecoder) lookup(a attributes) ([]Expr, bool) {
	if !a.only(unix.NFTA_LOOKUP_SET, unix.NFTA_LOOKUP_SREG, unix.NFTA_LOOKUP_DREG,
		unix.NFTA_LOOKUP_SET_ID, unix.NFTA_LOOKUP_FLAGS) {
		return nil, false
	}
	kernelName := a.text(unix.NFTA_LOOKUP_SET)
	size, known := d.sets.keySize(kernelName)
	operands, ok := d.regs.get(a.u32(unix.NFTA_LOOKUP_SREG), size)
	flags := a.u32(unix.NFTA_LOOKUP_FLAGS)
	if !known || !ok || flags&^unix.NFT_LOOKUP_F_INV != 0 {
		return nil, false
	}
	left, set := joinOperands(operands), d.sets.model(kernelName)
	if _, has := a[unix.NFTA_LOOKUP_DREG]; has {
		register := a.u32(unix.NFTA_LOOKUP_DREG)
		switch {
		case flags != 0:
			return nil, false
		case register == unix.NFT_REG_VERDICT:
			return one("vmap", "left", left, "set", set), true
		}
		return d.mapped(register, left, kernelName)
	}
	op := "in"
	if flags != 0 {
		op = "notin"
	}
	return one("lookup", "left", left, "op", op, "set", set), true
}

// mapped loads the value that a map has for a key: "map SET KEY", whose key
// has underscores for spaces and + for the dots between its fields. Of joined
// values only their room is known. A key that the map does not have ends the rule.
func (d *ruleDecoder) mapped(register uint32, left, kernelName string) ([]Expr, bool) {
	set := d.sets.sets[kernelName]
	key := strings.ReplaceAll(strings.ReplaceAll(left, " . ", "+"), " ", "_")
	name := d.sets.model(kernelName)
	text, found := "map "+name+" "+key, one("lookup", "left", left, "op", "in", "set", name)
	if set.data != nil {
		_, ok := d.load(register, text, *set.data)
		return found, ok
	}
	at, ok := word(register)
	if !ok || set.dataLen == 0 {
		return nil, false
	}
	for words := padded(set.dataLen) / 4; words > 0; words-- {
		if !d.regs.put(uint32(unix.NFT_REG32_00+at), operand{text: "? " + text, shape: shape{size: 4}}) {
			return nil, false
		}
		at++
	}
	return found, true
}

func (d *ruleDecoder) immediate(a attributes) ([]Expr, bool) {
	if !a.only(unix.NFTA_IMMEDIATE_DREG, unix.NFTA_IMMEDIATE_DATA) {
		return nil, false
	}
	if a.u32(unix.NFTA_IMMEDIATE_DREG) == unix.NFT_REG_VERDICT {
		verdict, chain, ok := decodeVerdict(a[unix.NFTA_IMMEDIATE_DATA])
		return verdictExpr(verdict, chain), ok
	}
	data, err := a.value(unix.NFTA_IMMEDIATE_DATA)
	if err != nil {
		return nil, false
	}
	return d.load(a.u32(unix.NFTA_IMMEDIATE_DREG), "imm "+hex.EncodeToString(data), shape{size: len(data)})
}

func verdictExpr(verdict, chain string) []Expr {
	if chain == "" {
		return one("verdict", "verdict", verdict)
	}
	return one("verdict", "verdict", verdict, "chain", chain)
}

// The verdicts of netfilter itself, which golang.org/x/sys/unix does not have.
const (
	nfDrop   = 0
	nfAccept = 1
)

// decodeVerdict reads a verdict as rules and maps hold it.
func decodeVerdict(data []byte) (verdict, chain string, ok bool) {
	outer, err := parseAttributes(data)
	if err != nil || outer[unix.NFTA_DATA_VERDICT] == nil {
		return "", "", false
	}
	inner, err := parseAttributes(outer[unix.NFTA_DATA_VERDICT])
	if err != nil || !inner.only(unix.NFTA_VERDICT_CODE, unix.NFTA_VERDICT_CHAIN) {
		return "", "", false
	}
	if len(inner[unix.NFTA_VERDICT_CODE]) != 4 {
		return "", "", false
	}
	switch int32(inner.u32(unix.NFTA_VERDICT_CODE)) {
	case nfDrop:
		verdict = "drop"
	case nfAccept:
		verdict = "accept"
	case unix.NFT_CONTINUE:
		verdict = "continue"
	case unix.NFT_JUMP:
		verdict = "jump"
	case unix.NFT_GOTO:
		verdict = "goto"
	case unix.NFT_RETURN:
		verdict = "return"
	default:
		return "", "", false
	}
	return verdict, inner.text(unix.NFTA_VERDICT_CHAIN), true
}
