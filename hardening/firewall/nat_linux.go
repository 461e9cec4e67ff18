package firewall

import (
	"golang.org/x/sys/unix"
)

// rangeNetmap is the flag of a translation that maps whole networks.
const rangeNetmap = 64

// nat decodes nftables' own translations.
func (d *ruleDecoder) nat(name string, a attributes) ([]Expr, bool) {
	switch name {
	case "masq":
		return one("masquerade"), a.only(unix.NFTA_MASQ_FLAGS, unix.NFTA_MASQ_REG_PROTO_MIN, unix.NFTA_MASQ_REG_PROTO_MAX)
	case "redir":
		expr := one("redirect")
		ok := d.natPorts(expr[0].Args, a, unix.NFTA_REDIR_REG_PROTO_MIN, unix.NFTA_REDIR_REG_PROTO_MAX)
		return expr, ok && a.only(unix.NFTA_REDIR_REG_PROTO_MIN, unix.NFTA_REDIR_REG_PROTO_MAX, unix.NFTA_REDIR_FLAGS)
	}
	kind, ok := nameOf([]string{"snat", "dnat"}, a.u32(unix.NFTA_NAT_TYPE))
	size, family := 4, "ip"
	if a.u32(unix.NFTA_NAT_FAMILY) == unix.NFPROTO_IPV6 {
		size, family = 16, "ip6"
	}
	if !ok || !a.only(unix.NFTA_NAT_TYPE, unix.NFTA_NAT_FAMILY, unix.NFTA_NAT_FLAGS, unix.NFTA_NAT_REG_ADDR_MIN,
		unix.NFTA_NAT_REG_ADDR_MAX, unix.NFTA_NAT_REG_PROTO_MIN, unix.NFTA_NAT_REG_PROTO_MAX) {
		return nil, false
	}
	expr := one(kind, "family", family)
	args := expr[0].Args
	if !d.natPorts(args, a, unix.NFTA_NAT_REG_PROTO_MIN, unix.NFTA_NAT_REG_PROTO_MAX) ||
		!d.natValue(args, a, "addr", natRegister{unix.NFTA_NAT_REG_ADDR_MIN, size}) ||
		!d.natValue(args, a, "addrLast", natRegister{unix.NFTA_NAT_REG_ADDR_MAX, size}) {
		return nil, false
	}
	if a.u32(unix.NFTA_NAT_FLAGS)&rangeNetmap != 0 {
		args["addr"] = "? netmap"
	}
	return expr, true
}

// natRegister is an attribute that names a register, and what is in it.
type natRegister struct {
	kind uint16
	size int
}

func (d *ruleDecoder) natPorts(args map[string]string, a attributes, first, last uint16) bool {
	return d.natValue(args, a, "port", natRegister{first, 2}) && d.natValue(args, a, "portLast", natRegister{last, 2})
}

// natValue takes what has been loaded into the register, if one is named.
func (d *ruleDecoder) natValue(args map[string]string, a attributes, name string, from natRegister) bool {
	if _, has := a[from.kind]; !has {
		return true
	}
	operands, ok := d.regs.get(a.u32(from.kind), from.size)
	if !ok {
		return false
	}
	args[name] = operands[0].text
	if len(operands) != 1 || operands[0].size < from.size {
		args[name] = "? several"
	}
	return true
}
