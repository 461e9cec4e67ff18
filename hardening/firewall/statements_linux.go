package firewall

import (
	"strconv"

	"golang.org/x/sys/unix"
)

// statement decodes the expressions that use no register.
func statement(name string, a attributes) ([]Expr, bool) {
	switch name {
	case "counter":
		return one("counter"), true
	case "notrack":
		return one("notrack"), true
	case "limit":
		return limit(a)
	case "log":
		return log(a)
	case "reject":
		return one("reject",
			"type", strconv.FormatUint(a.number(unix.NFTA_REJECT_TYPE), 10),
			"code", strconv.FormatUint(a.number(unix.NFTA_REJECT_ICMP_CODE), 10)), true
	}
	return nil, false
}

func limit(a attributes) ([]Expr, bool) {
	kind, ok := nameOf([]string{"packets", "bytes"}, a.u32(unix.NFTA_LIMIT_TYPE))
	flags := a.u32(unix.NFTA_LIMIT_FLAGS)
	if !ok || flags&^unix.NFT_LIMIT_F_INV != 0 || !a.only(unix.NFTA_LIMIT_RATE, unix.NFTA_LIMIT_UNIT,
		unix.NFTA_LIMIT_BURST, unix.NFTA_LIMIT_TYPE, unix.NFTA_LIMIT_FLAGS, unix.NFTA_LIMIT_PAD) {
		return nil, false
	}
	return one("limit",
		"rate", strconv.FormatUint(a.number(unix.NFTA_LIMIT_RATE), 10),
		"per", strconv.FormatUint(a.number(unix.NFTA_LIMIT_UNIT), 10),
		"burst", strconv.FormatUint(a.number(unix.NFTA_LIMIT_BURST), 10),
		"type", kind,
		"over", strconv.FormatBool(flags != 0)), true
}

// log keeps the settings that are set: no group is not the same as group 0.
func log(a attributes) ([]Expr, bool) {
	expr := Expr{Kind: "log", Args: map[string]string{}}
	if _, has := a[unix.NFTA_LOG_PREFIX]; has {
		expr.Args["prefix"] = a.text(unix.NFTA_LOG_PREFIX)
	}
	settings := map[uint16]string{
		unix.NFTA_LOG_GROUP: "group", unix.NFTA_LOG_SNAPLEN: "snaplen",
		unix.NFTA_LOG_QTHRESHOLD: "threshold", unix.NFTA_LOG_LEVEL: "level", unix.NFTA_LOG_FLAGS: "flags",
	}
	for kind, name := range settings {
		if _, has := a[kind]; has {
			expr.Args[name] = strconv.FormatUint(a.number(kind), 10)
		}
	}
	return []Expr{expr}, true
}
