package firewall

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// iptables keeps its matches and targets as opaque data in nftables' rules.
// Those that K3s and its network use are translated into the model's own
// expressions; numbers are in the machine's order unless they travel.

// match decodes a condition of iptables. One that is not known stays an open
// condition, because a match decides nothing by itself.
func match(a attributes, six bool) ([]Expr, bool) {
	if !a.only(unix.NFTA_MATCH_NAME, unix.NFTA_MATCH_REV, unix.NFTA_MATCH_INFO) {
		return nil, false
	}
	name, rev, info := a.text(unix.NFTA_MATCH_NAME), a.u32(unix.NFTA_MATCH_REV), a[unix.NFTA_MATCH_INFO]
	known := map[string]func(uint32, []byte) ([]Expr, bool){
		"comment": xtComment, "nfacct": xtAlways, "conntrack": xtConntrack, "addrtype": xtAddrtype,
		"mark": xtMark("meta mark"), "connmark": xtMark("ct mark"), "multiport": xtMultiport,
		"tcp": xtTCP, "udp": xtUDP, "icmp": xtICMP, "icmp6": xtICMP, "iprange": xtIPRange(six), "statistic": xtStatistic,
	}
	if decode, ok := known[name]; ok {
		if exprs, ok := decode(rev, info); ok {
			return exprs, true
		}
	}
	return one("match", "name", name, "rev", strconv.Itoa(int(rev)), "raw", hex.EncodeToString(info)), true
}

// xt reads the fields of iptables' data; what is not there is 0.
type xt []byte

func (x xt) u8(at int) byte {
	if at < 0 || at >= len(x) {
		return 0
	}
	return x[at]
}

func (x xt) u16(at int) uint16 {
	if at+2 > len(x) {
		return 0
	}
	return binary.NativeEndian.Uint16(x[at:])
}

func (x xt) u32(at int) uint32 {
	if at+4 > len(x) {
		return 0
	}
	return binary.NativeEndian.Uint32(x[at:])
}

func (x xt) hex(from, size int) string {
	if from+size > len(x) {
		return ""
	}
	return hex.EncodeToString(x[from : from+size])
}

func hex16(number uint16) string { return fmt.Sprintf("%04x", number) }

func hex32(number uint32) string { return fmt.Sprintf("%08x", number) }

func xtAlways(uint32, []byte) ([]Expr, bool) { return one("note", "name", "nfacct"), true }

func xtComment(_ uint32, info []byte) ([]Expr, bool) {
	text, _, _ := strings.Cut(string(info), "\x00")
	return one("note", "name", "comment", "text", text), true
}

func xtStatistic(_ uint32, info []byte) ([]Expr, bool) {
	return one("match", "name", "statistic", "raw", xt(info).hex(0, 8)), true
}

// bitTest is a comparison of some bits with 0.
func bitTest(left string, mask uint32, any bool) Expr {
	op := map[bool]string{true: "neq", false: "eq"}[any]
	return one("cmp", "left", left+" & "+hex32(mask)+" ^ 00000000", "op", op, "right", "00000000")[0]
}

// xtConntrack knows the state only, which is what everybody asks for.
func xtConntrack(rev uint32, info []byte) ([]Expr, bool) {
	const state, alias = 1, 1 << 13
	x := xt(info)
	flags, invert, mask := x.u16(146), x.u16(148), uint32(x.u16(150))
	if rev == 1 {
		mask = uint32(x.u8(150))
	}
	if len(info) < 154 || rev < 1 || rev > 3 || flags&^alias != state {
		return nil, false
	}
	return []Expr{bitTest("ct xtstate", mask, invert&state == 0)}, true
}

func xtAddrtype(rev uint32, info []byte) ([]Expr, bool) {
	const invertSource, invertDestination = 1, 2
	x := xt(info)
	flags := x.u32(4)
	if rev != 1 || len(info) < 8 || flags&^(invertSource|invertDestination) != 0 {
		return nil, false
	}
	var exprs []Expr
	for _, side := range []struct {
		name   string
		mask   uint16
		invert bool
	}{{"saddr", x.u16(0), flags&invertSource != 0}, {"daddr", x.u16(2), flags&invertDestination != 0}} {
		switch {
		case side.mask == 0:
		case side.mask == 1<<typeLocal:
			op := map[bool]string{true: "neq", false: "eq"}[side.invert]
			exprs = append(exprs, one("cmp", "left", "fib "+side.name+" type", "op", op, "right", hex32(typeLocal))...)
		default:
			exprs = append(exprs, bitTest("fib "+side.name+" typebit", uint32(side.mask), !side.invert))
		}
	}
	return exprs, true
}

// xtMark compares the bits of a mark.
func xtMark(left string) func(uint32, []byte) ([]Expr, bool) {
	return func(rev uint32, info []byte) ([]Expr, bool) {
		x := xt(info)
		if rev != 1 || len(info) < 9 {
			return nil, false
		}
		op := map[bool]string{true: "neq", false: "eq"}[x.u8(8) != 0]
		return one("cmp", "left", left+" & "+hex32(x.u32(4))+" ^ 00000000", "op", op, "right", hex32(x.u32(0))), true
	}
}

// xtIPRange has room for addresses of either family.
func xtIPRange(six bool) func(uint32, []byte) ([]Expr, bool) {
	const source, destination, invertBy = 1, 2, 4
	size, offsets := 4, [2]string{"payload network 12 4", "payload network 16 4"}
	if six {
		size, offsets = 16, [2]string{"payload network 8 16", "payload network 24 16"}
	}
	return func(rev uint32, info []byte) ([]Expr, bool) {
		x := xt(info)
		if rev != 1 || len(info) < 65 {
			return nil, false
		}
		var exprs []Expr
		for i, flag := range []byte{source, destination} {
			if x.u8(64)&flag == 0 {
				continue
			}
			op := map[bool]string{true: "neq", false: "eq"}[x.u8(64)&(flag<<invertBy) != 0]
			exprs = append(exprs, one("range", "left", offsets[i], "op", op, "first", x.hex(32*i, size), "last", x.hex(32*i+16, size))...)
		}
		return exprs, true
	}
}

// harmless are the targets that change nothing by which packets are judged.
func harmless(name string) bool {
	return slices.Contains([]string{"LOG", "NFLOG", "TCPMSS", "CHECKSUM", "TRACE", "CLASSIFY", "DSCP", "TOS", "TTL", "HL", "AUDIT", "SECMARK", "CONNSECMARK"}, name)
}
