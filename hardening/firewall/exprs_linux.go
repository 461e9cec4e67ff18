package firewall

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// ruleDecoder folds a rule's expressions into the model.
type ruleDecoder struct {
	regs registers
	sets *setNames
}

// decode takes one expression. An expression that only loads gives none back;
// one that is not understood gives an unknown one.
func (d *ruleDecoder) decode(name string, data []byte) []Expr {
	attrs, err := parseAttributes(data)
	if err != nil {
		return d.unknown(name, data)
	}
	exprs, ok := d.known(name, attrs)
	if !ok {
		return d.unknown(name, data)
	}
	return exprs
}

func (d *ruleDecoder) unknown(name string, data []byte) []Expr {
	d.regs.forget(name)
	return one("unknown", "name", name, "raw", hex.EncodeToString(data))
}

func one(kind string, args ...string) []Expr {
	expr := Expr{Kind: kind, Args: map[string]string{}}
	for i := 0; i+1 < len(args); i += 2 {
		expr.Args[args[i]] = args[i+1]
	}
	return []Expr{expr}
}

func (d *ruleDecoder) known(name string, a attributes) ([]Expr, bool) {
	switch name {
	case "meta":
		return d.meta(a)
	case "ct":
		return d.ct(a)
	case "payload":
		return d.payload(a)
	case "fib":
		return d.fib(a)
	case "bitwise":
		return d.bitwise(a)
	case "byteorder":
		return d.byteorder(a)
	case "immediate":
		return d.immediate(a)
	case "cmp":
		return d.cmp(a)
	case "range":
		return d.rangeOf(a)
	case "lookup":
		return d.lookup(a)
	}
	return d.other(name, a)
}

// other is what neither asks about a packet nor decides about it.
func (d *ruleDecoder) other(name string, a attributes) ([]Expr, bool) {
	switch name {
	case "numgen":
		return d.load(a.u32(unix.NFTA_NG_DREG), "? numgen", shape{4, true})
	case "nat", "masq", "redir":
		return d.nat(name, a)
	case "match":
		return match(a, d.sets.six())
	case "target":
		return target(a, d.sets.six())
	}
	return statement(name, a)
}

// load puts a value into the register that an attribute names.
func (d *ruleDecoder) load(register uint32, text string, s shape) ([]Expr, bool) {
	return nil, d.regs.put(register, operand{text: text, shape: s})
}

func (d *ruleDecoder) meta(a attributes) ([]Expr, bool) {
	key, ok := nameOf(metaKeys(), a.u32(unix.NFTA_META_KEY))
	if !ok || !a.only(unix.NFTA_META_KEY, unix.NFTA_META_DREG, unix.NFTA_META_SREG) {
		return nil, false
	}
	if _, writes := a[unix.NFTA_META_SREG]; writes {
		return d.write("meta "+key, a.u32(unix.NFTA_META_SREG), metaShape(key))
	}
	return d.load(a.u32(unix.NFTA_META_DREG), "meta "+key, metaShape(key))
}

func (d *ruleDecoder) write(what string, register uint32, s shape) ([]Expr, bool) {
	operands, ok := d.regs.get(register, s.size)
	if !ok {
		return nil, false
	}
	if s.host && len(operands) == 1 && strings.HasPrefix(operands[0].text, "imm ") {
		data := unhex(strings.TrimPrefix(operands[0].text, "imm "))
		return one("set", "what", what, "value", "imm "+hexOfShapes(data, []shape{s})), true
	}
	return one("set", "what", what, "value", joinOperands(operands)), true
}

func (d *ruleDecoder) ct(a attributes) ([]Expr, bool) {
	key, ok := nameOf(ctKeys(), a.u32(unix.NFTA_CT_KEY))
	if !ok || !a.only(unix.NFTA_CT_KEY, unix.NFTA_CT_DREG, unix.NFTA_CT_DIRECTION, unix.NFTA_CT_SREG) {
		return nil, false
	}
	if _, writes := a[unix.NFTA_CT_SREG]; writes {
		return d.write("ct "+key, a.u32(unix.NFTA_CT_SREG), ctShape(key))
	}
	text := "ct " + key
	if _, has := a[unix.NFTA_CT_DIRECTION]; has {
		text += " " + strconv.FormatUint(a.number(unix.NFTA_CT_DIRECTION), 10)
	}
	return d.load(a.u32(unix.NFTA_CT_DREG), text, ctShape(key))
}

func (d *ruleDecoder) payload(a attributes) ([]Expr, bool) {
	if !a.only(unix.NFTA_PAYLOAD_DREG, unix.NFTA_PAYLOAD_BASE, unix.NFTA_PAYLOAD_OFFSET, unix.NFTA_PAYLOAD_LEN) {
		return nil, false // one that writes has a source register
	}
	base, ok := nameOf([]string{"link", "network", "transport", "inner"}, a.u32(unix.NFTA_PAYLOAD_BASE))
	if !ok {
		return nil, false
	}
	size := a.u32(unix.NFTA_PAYLOAD_LEN)
	if size > registerWords*4 {
		return nil, false
	}
	text := fmt.Sprintf("payload %s %d %d", base, a.u32(unix.NFTA_PAYLOAD_OFFSET), size)
	return d.load(a.u32(unix.NFTA_PAYLOAD_DREG), text, shape{size: int(size)})
}

func (d *ruleDecoder) fib(a attributes) ([]Expr, bool) {
	if !a.only(unix.NFTA_FIB_DREG, unix.NFTA_FIB_RESULT, unix.NFTA_FIB_FLAGS) {
		return nil, false
	}
	text, flags := "fib ", a.u32(unix.NFTA_FIB_FLAGS)
	for bit, name := range []string{"saddr", "daddr", "mark", "iif", "oif", "present"} {
		if flags&(1<<bit) == 0 {
			continue
		}
		flags &^= 1 << bit
		if text != "fib " {
			text += "+"
		}
		text += name
	}
	if flags != 0 {
		return nil, false
	}
	register := a.u32(unix.NFTA_FIB_DREG)
	switch a.u32(unix.NFTA_FIB_RESULT) {
	case unix.NFT_FIB_RESULT_OIF:
		return d.load(register, text+" oif", shape{4, true})
	case unix.NFT_FIB_RESULT_OIFNAME:
		return d.load(register, text+" oifname", shape{size: 16})
	case unix.NFT_FIB_RESULT_ADDRTYPE:
		return d.load(register, text+" type", shape{4, true})
	}
	return nil, false
}

// nftaBitwiseOp selects another operation than mask and xor where it is not 0.
const nftaBitwiseOp = 6

func (d *ruleDecoder) bitwise(a attributes) ([]Expr, bool) {
	if a.u32(nftaBitwiseOp) != 0 || !a.only(unix.NFTA_BITWISE_SREG, unix.NFTA_BITWISE_DREG, unix.NFTA_BITWISE_LEN,
		unix.NFTA_BITWISE_MASK, unix.NFTA_BITWISE_XOR, nftaBitwiseOp) {
		return nil, false
	}
	mask, maskErr := a.value(unix.NFTA_BITWISE_MASK)
	xor, xorErr := a.value(unix.NFTA_BITWISE_XOR)
	size := int(a.u32(unix.NFTA_BITWISE_LEN))
	operands, ok := d.regs.get(a.u32(unix.NFTA_BITWISE_SREG), size)
	if !ok || maskErr != nil || xorErr != nil || len(operands) != 1 || operands[0].size != size ||
		len(mask) != size || len(xor) != size {
		return nil, false
	}
	text := fmt.Sprintf("%s & %s ^ %s", operands[0].text, hexOf(mask, operands), hexOf(xor, operands))
	return d.load(a.u32(unix.NFTA_BITWISE_DREG), text, operands[0].shape)
}

// byteorder turns the machine's order into the network's or back; the model
// has the most significant byte first either way.
func (d *ruleDecoder) byteorder(a attributes) ([]Expr, bool) {
	if !a.only(unix.NFTA_BYTEORDER_SREG, unix.NFTA_BYTEORDER_DREG, unix.NFTA_BYTEORDER_OP,
		unix.NFTA_BYTEORDER_LEN, unix.NFTA_BYTEORDER_SIZE) {
		return nil, false
	}
	size := int(a.u32(unix.NFTA_BYTEORDER_LEN))
	if size < int(a.u32(unix.NFTA_BYTEORDER_SIZE)) && a.u32(unix.NFTA_BYTEORDER_SREG) == a.u32(unix.NFTA_BYTEORDER_DREG) {
		return nil, true // the kernel turns whole units only, and there is none
	}
	operands, ok := d.regs.get(a.u32(unix.NFTA_BYTEORDER_SREG), size)
	if !ok || len(operands) != 1 || operands[0].size != size || int(a.u32(unix.NFTA_BYTEORDER_SIZE)) != size {
		return nil, false
	}
	host := a.u32(unix.NFTA_BYTEORDER_OP) == unix.NFT_BYTEORDER_NTOH
	if host == operands[0].host {
		return nil, false // would turn it the wrong way
	}
	return d.load(a.u32(unix.NFTA_BYTEORDER_DREG), operands[0].text, shape{size, host})
}
