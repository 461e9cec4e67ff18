package firewall

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"strconv"
	"strings"
)

// operandNames are how people call the operands of rules, with the types of their values.
func operandNames() map[string][2]string {
	return map[string][2]string{
		"payload network 12 4":   {"ip saddr", "ipv4_addr"},
		"payload network 16 4":   {"ip daddr", "ipv4_addr"},
		"payload network 8 16":   {"ip6 saddr", "ipv6_addr"},
		"payload network 24 16":  {"ip6 daddr", "ipv6_addr"},
		"payload transport 0 2":  {"sport", "inet_service"},
		"payload transport 2 2":  {"dport", "inet_service"},
		"payload transport 13 1": {"tcp flags", "tcp_flag"},
		"payload transport 0 1":  {"icmp type", "icmp_type"},
		"ct state":               {"ct state", "ct_state"},
		"fib daddr type":         {"fib daddr type", "fib_addrtype"},
		"fib saddr type":         {"fib saddr type", "fib_addrtype"},
		"meta l4proto":           {"l4proto", "inet_proto"},
		"meta nfproto":           {"nfproto", "nf_proto"},
		"meta iifname":           {"iifname", "ifname"},
		"meta oifname":           {"oifname", "ifname"},
		"meta iif":               {"iif", "iface_index"},
		"meta oif":               {"oif", "iface_index"},
	}
}

// operandName is how people call an operand, and the type of its value.
func operandName(base string) (name, kind string) {
	if names, ok := operandNames()[base]; ok {
		return names[0], names[1]
	}
	return networkStart(base)
}

// networkStart recognises the first bytes of an address, which nft compares
// instead of the whole when a network ends with a byte.
func networkStart(base string) (name, kind string) {
	for start, address := range map[string][2]string{
		"payload network 12 ": {"ip saddr", "ipv4_start"}, "payload network 16 ": {"ip daddr", "ipv4_start"},
		"payload network 8 ": {"ip6 saddr", "ipv6_start"}, "payload network 24 ": {"ip6 daddr", "ipv6_start"},
	} {
		if strings.HasPrefix(base, start) {
			return address[0], address[1]
		}
	}
	return base, ""
}

// startText is the network whose addresses start with the bytes.
func startText(data []byte, size int) string {
	if len(data) > size {
		return ""
	}
	addr, ok := netip.AddrFromSlice(append(bytes.Clone(data), make([]byte, size-len(data))...))
	if !ok {
		return ""
	}
	return netip.PrefixFrom(addr, 8*len(data)).String()
}

// bitNames joins the names of the bits that are set, the lowest first.
func bitNames(value uint64, names []string) string {
	var set []string
	for bit, name := range names {
		if value&(1<<bit) != 0 {
			set = append(set, name)
			value &^= 1 << bit
		}
	}
	if value != 0 || len(set) == 0 {
		return ""
	}
	return strings.Join(set, ",")
}

// valueName is a value as people write it, by its type; "" is left to hexadecimal.
func valueName(kind string, data []byte) string {
	switch kind {
	case "ipv4_addr", "ipv6_addr":
		if addr, ok := netip.AddrFromSlice(data); ok {
			return addr.String()
		}
		return ""
	case "ipv4_start":
		return startText(data, 4)
	case "ipv6_start":
		return startText(data, 16)
	case "ifname":
		name := strings.TrimRight(string(data), "\x00")
		if len(name) == len(data) {
			name += "*" // no end: only the beginning is compared
		}
		return strconv.Quote(name)
	}
	if len(data) == 0 || len(data) > 8 {
		return ""
	}
	number := binary.BigEndian.Uint64(append(make([]byte, 8-len(data)), data...))
	return numberName(kind, number)
}

// protocolNames are the protocols that a packet of ours may have.
func protocolNames() map[uint64]string {
	return map[uint64]string{1: "icmp", 6: "tcp", 17: "udp", 58: "icmpv6"}
}

func numberName(kind string, number uint64) string {
	decimal := strconv.FormatUint(number, 10)
	named := func(names map[uint64]string) string {
		if name, ok := names[number]; ok {
			return name
		}
		return decimal
	}
	switch kind {
	case "ct_state":
		return bitNames(number, []string{"invalid", "established", "related", "new", "16", "32", "untracked"})
	case "tcp_flag":
		return bitNames(number, []string{"fin", "syn", "rst", "psh", "ack", "urg", "ecn", "cwr"})
	case "inet_proto":
		return named(protocolNames())
	case "nf_proto":
		return named(map[uint64]string{2: "ipv4", 10: "ipv6"})
	case "fib_addrtype":
		return named(map[uint64]string{1: "unicast", 2: "local", 3: "broadcast", 5: "multicast"})
	case "iface_index":
		return named(map[uint64]string{1: "lo"})
	case "inet_service", "icmp_type", "icmpv6_type":
		return decimal
	}
	return ""
}

func valueText(kind, hexText string) string {
	if name := valueName(kind, unhex(hexText)); name != "" {
		return name
	}
	return "0x" + hexText
}

// rangeText is one value, a network, or first-last.
func rangeText(kind, first, last string) string {
	if first == last {
		return valueText(kind, first)
	}
	if kind == "ipv4_addr" || kind == "ipv6_addr" {
		if prefix, ok := network(unhex(first), unhex(last)); ok {
			return prefix.String()
		}
	}
	return valueText(kind, first) + "-" + valueText(kind, last)
}

// network is the prefix that reaches from first to last, if there is one.
func network(first, last []byte) (netip.Prefix, bool) {
	from, fromOK := netip.AddrFromSlice(first)
	if _, lastOK := netip.AddrFromSlice(last); !fromOK || !lastOK || len(first) != len(last) {
		return netip.Prefix{}, false
	}
	for bits := range from.BitLen() + 1 {
		prefix := netip.PrefixFrom(from, bits)
		if prefix.Masked().Addr() == from && string(lastOf(first, bits)) == string(last) {
			return prefix, true
		}
	}
	return netip.Prefix{}, false
}

func lastOf(first []byte, bits int) []byte {
	last := append([]byte(nil), first...)
	for i := bits; i < len(last)*8; i++ {
		last[i/8] |= 0x80 >> (i % 8)
	}
	return last
}

// elementText is an element as people write it.
func elementText(keyTypeName string, e Element) string {
	text := e.First
	if e.First != "*" {
		text = keyText(strings.Split(keyTypeName, " . "), e.First, e.Last)
	}
	if e.Data != "" {
		text += " : " + e.Data
	}
	if len(e.Conditions) > 0 {
		text += " (" + strings.Join(e.Conditions, ", ") + ")"
	}
	return text
}

func keyText(kinds []string, first, last string) string {
	sizes := map[string]int{}
	for _, kind := range keyTypes() {
		sizes[kind.name] = kind.size
	}
	if len(kinds) == 1 {
		return rangeText(kinds[0], first, last)
	}
	var fields []string
	for _, kind := range kinds {
		size, room := 2*sizes[kind], 2*padded(sizes[kind])
		if size == 0 || len(first) < room || len(last) < room {
			return rangeText("", first, last)
		}
		fields = append(fields, rangeText(kind, first[:size], last[:size]))
		first, last = first[room:], last[room:]
	}
	return strings.Join(fields, " . ")
}
