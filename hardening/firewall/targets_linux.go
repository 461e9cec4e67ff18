package firewall

import (
	"encoding/hex"
	"strconv"

	"golang.org/x/sys/unix"
)

// target decodes what iptables does to a packet.
func target(a attributes, six bool) ([]Expr, bool) {
	if !a.only(unix.NFTA_TARGET_NAME, unix.NFTA_TARGET_REV, unix.NFTA_TARGET_INFO) {
		return nil, false
	}
	name, rev, info := a.text(unix.NFTA_TARGET_NAME), a.u32(unix.NFTA_TARGET_REV), a[unix.NFTA_TARGET_INFO]
	known := map[string]func(uint32, xt) ([]Expr, bool){
		"MARK": xtSetMark, "CONNMARK": xtSetConnMark, "CT": xtNotrack, "DNAT": xtNAT("dnat", six), "SNAT": xtNAT("snat", six), "REDIRECT": xtNAT("redirect", six),
		"MASQUERADE": func(uint32, xt) ([]Expr, bool) { return one("masquerade"), true },
		"REJECT": func(_ uint32, x xt) ([]Expr, bool) {
			return one("reject", "type", "iptables", "code", strconv.Itoa(int(x.u32(0)))), true
		},
		"NOTRACK": func(uint32, xt) ([]Expr, bool) { return one("notrack"), true },
	}
	if harmless(name) {
		return one("note", "name", name), true
	}
	if decode, ok := known[name]; ok {
		if exprs, ok := decode(rev, info); ok {
			return exprs, true
		}
	}
	return one("unknown", "name", "target "+name, "raw", hex.EncodeToString(info)), true
}

// xtSetMark clears the bits of a mask and flips others.
func xtSetMark(rev uint32, x xt) ([]Expr, bool) {
	if rev != 2 || len(x) < 8 {
		return nil, false
	}
	return one("set", "what", "meta mark", "value", "meta mark & "+hex32(^x.u32(4))+" ^ "+hex32(x.u32(0))), true
}

// xtSetConnMark also copies the mark between packet and connection; what of a
// mark is copied in part is not known afterwards.
func xtSetConnMark(rev uint32, x xt) ([]Expr, bool) {
	const setMark, save, restore, all = 0, 1, 2, 0xffffffff
	mode, shift := x.u8(12), byte(0)
	if rev == 2 {
		mode, shift = x.u8(14), x.u8(13)
	}
	what, ok := nameOf([]string{"ct mark", "ct mark", "meta mark"}, uint32(mode))
	if rev < 1 || rev > 2 || len(x) < 13 || !ok {
		return nil, false
	}
	value := "? connmark"
	if mode == setMark && shift == 0 {
		value = "ct mark & " + hex32(^x.u32(4)) + " ^ " + hex32(x.u32(0))
	}
	if mode != setMark && x.u32(4) == all && x.u32(8) == all && shift == 0 {
		value = map[byte]string{save: "meta mark", restore: "ct mark"}[mode]
	}
	return one("set", "what", what, "value", value, "lenient", "true"), true
}

// xtNotrack knows the target CT where it keeps a packet from being tracked, or
// only names a helper.
func xtNotrack(_ uint32, x xt) ([]Expr, bool) {
	const notrack = 1
	switch {
	case len(x) < 4 || x.u16(2) != 0:
		return nil, false
	case x.u16(0)&notrack != 0:
		return one("notrack"), true
	}
	return one("note", "name", "CT"), true
}
