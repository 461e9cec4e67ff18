package firewall

import (
	"strings"
)

// describeNAT says to where a packet's address is translated.
func describeNAT(expr Expr) string {
	value := func(name, kind string) string {
		first, last := expr.Args[name], expr.Args[name+"Last"]
		text, constant := strings.CutPrefix(first, "imm ")
		switch {
		case first == "":
			return ""
		case !constant:
			return first
		case last == "":
			return valueText(kind, text)
		}
		return rangeText(kind, text, strings.TrimPrefix(last, "imm "))
	}
	addr, port := value("addr", "ipv6_addr"), value("port", "inet_service")
	if strings.Contains(addr, ":") && port != "" {
		addr = "[" + addr + "]"
	}
	if port != "" {
		addr += ":" + port
	}
	if addr == "" {
		return expr.Kind
	}
	return expr.Kind + " to " + addr
}
