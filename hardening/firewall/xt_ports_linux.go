package firewall

import (
	"fmt"
	"strings"
)

func xtMultiport(rev uint32, info []byte) ([]Expr, bool) {
	const most = 15
	x := xt(info)
	sides, ok := nameOf([]string{"source", "destination", "source destination"}, uint32(x.u8(0)))
	count := int(x.u8(1))
	if rev != 1 || len(info) < 48 || !ok || count > most {
		return nil, false
	}
	var list []string
	for i := 0; i < count; i++ {
		first := x.u16(2 + 2*i)
		last := first
		if x.u8(32+i) != 0 && i+1 < count { // the next one is the end of a range
			i++
			last = x.u16(2 + 2*i)
		}
		list = append(list, hex16(first)+"-"+hex16(last))
	}
	op := map[bool]string{true: "neq", false: "eq"}[x.u8(47) != 0]
	return one("ports", "sides", sides, "op", op, "list", strings.Join(list, ",")), true
}

// xtPorts compares the source's and the destination's port with ranges.
func xtPorts(x xt, invert byte) []Expr {
	var exprs []Expr
	for side, left := range []string{"payload transport 0 2", "payload transport 2 2"} {
		first, last := x.u16(4*side), x.u16(4*side+2)
		inverted := invert&(1<<side) != 0
		if first == 0 && last == 0xffff && !inverted {
			continue
		}
		op := map[bool]string{true: "neq", false: "eq"}[inverted]
		exprs = append(exprs, one("range", "left", left, "op", op, "first", hex16(first), "last", hex16(last))...)
	}
	return exprs
}

func xtTCP(_ uint32, info []byte) ([]Expr, bool) {
	const invertFlags, invertOption = 4, 8
	x := xt(info)
	option, mask, want, invert := x.u8(8), x.u8(9), x.u8(10), x.u8(11)
	if len(info) < 12 || option != 0 || invert&invertOption != 0 {
		return nil, false
	}
	exprs := xtPorts(x, invert)
	if mask != 0 || invert&invertFlags != 0 {
		op := map[bool]string{true: "neq", false: "eq"}[invert&invertFlags != 0]
		exprs = append(exprs, one("cmp", "left", fmt.Sprintf("payload transport 13 1 & %02x ^ 00", mask), "op", op, "right", fmt.Sprintf("%02x", want))...)
	}
	return exprs, true
}

func xtUDP(_ uint32, info []byte) ([]Expr, bool) {
	if len(info) < 9 {
		return nil, false
	}
	return xtPorts(xt(info), xt(info).u8(8)), true
}

// xtICMP knows types of which every code is meant.
func xtICMP(_ uint32, info []byte) ([]Expr, bool) {
	const anyType = 0xff
	x := xt(info)
	switch {
	case len(info) < 4 || x.u8(1) != 0 || x.u8(2) != 0xff:
		return nil, false
	case x.u8(0) == anyType && x.u8(3) == 0:
		return nil, true
	}
	op := map[bool]string{true: "neq", false: "eq"}[x.u8(3) != 0]
	return one("cmp", "left", "payload transport 0 1", "op", op, "right", x.hex(0, 1)), true
}
