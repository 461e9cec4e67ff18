package firewall

import (
	"errors"
	"fmt"
	"net/netip"
)

// translate rewrites the packet's addresses, once for each direction.
func (r *run) translate(expr Expr, at result) result {
	if family := expr.Args["family"]; family != "" && family != familyName(r.view.Src.Is4()) {
		return at // of the other family: nothing is done
	}
	v := &r.view
	switch expr.Kind {
	case "dnat", "redirect":
		if end := r.destination(expr, at); end.flow != next {
			return end
		}
		v.settledDst = true
	default:
		v.perhaps, v.srcLost, v.settledSrc = true, true, true
	}
	clear(r.settled)
	return decided(at, accept, describeExpr(expr, nil))
}

func (r *run) destination(expr Expr, at result) result {
	v := &r.view
	before := v.Packet
	if port := expr.Args["port"]; port != "" {
		v.rewritePort(port, expr.Args["portLast"])
	}
	switch {
	case expr.Kind == "redirect":
		v.Local, v.dstLost, v.Oif = true, true, ""
	case expr.Args["addr"] != "":
		if end := r.readdress(expr, at); end.flow != next {
			return end
		}
	}
	v.toDst = v.toDst || v.Dst != before.Dst || v.DstPort != before.DstPort
	v.perhaps = v.perhaps || v.dstLost || v.portLost
	return at
}

func (v *view) rewritePort(first, last string) {
	value := v.operand(first)
	if len(value.value) != 2 || !value.complete() || last != "" && last != first {
		v.portLost = true
		return
	}
	v.DstPort, v.portLost = uint16(value.value[0])<<8|uint16(value.value[1]), false
}

// readdress gives the packet a new destination, and with it a new way.
func (r *run) readdress(expr Expr, at result) result {
	v := &r.view
	first, last := v.operand(expr.Args["addr"]), expr.Args["addrLast"]
	addr, ok := netip.AddrFromSlice(first.value)
	v.Oif = ""
	if !ok || !first.complete() || addr.Is4() != v.Src.Is4() || last != "" && last != expr.Args["addr"] {
		v.dstLost = true
		v.Local = r.either(fmt.Sprintf("where rule %d of chain %s sends it", at.rule+1, at.chain))
		return at
	}
	v.Dst, v.dstLost = addr, false
	if v.routes == nil {
		v.Local = r.either(fmt.Sprintf("whether %s is an address of this host", addr))
		return at
	}
	iif := v.Iif
	if v.FromHost {
		iif = ""
	}
	route, err := v.routes.Route(v.Src, addr, iif)
	switch {
	case errors.Is(err, ErrNoRoute):
		at.table, at.hook = r.table, v.hook
		return decided(at, drop, fmt.Sprintf("sent to %s, to which there is no way,", addr))
	case err != nil:
		return decided(at, lost, fmt.Sprintf("the way to %s is not known: %s", addr, err))
	}
	v.Local, v.Oif = route.Local, route.Oif
	return at
}

// either is a question that nobody answers.
func (r *run) either(doubt string) bool {
	r.doubts(doubt)
	return r.choose(2) == 1
}
