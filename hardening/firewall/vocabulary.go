package firewall

// shape is how the kernel holds a value in a register.
type shape struct {
	size int
	host bool // in the byte order of the machine, not of the network
}

// metaKeys are nft's names of the kernel's meta keys, by number.
func metaKeys() []string {
	return []string{
		"length", "protocol", "priority", "mark", "iif", "oif", "iifname", "oifname",
		"iiftype", "oiftype", "skuid", "skgid", "nftrace", "rtclassid", "secmark", "nfproto",
		"l4proto", "ibrname", "obrname", "pkttype", "cpu", "iifgroup", "oifgroup", "cgroup",
		"random", "ipsec", "iifkind", "oifkind",
	}
}

// ctKeys are nft's names of the kernel's conntrack keys, by number.
func ctKeys() []string {
	return []string{
		"state", "direction", "status", "mark", "secmark", "expiration", "helper", "l3proto",
		"saddr", "daddr", "protocol", "proto-src", "proto-dst", "label", "packets", "bytes",
		"avgpkt", "zone", "event", "src-ip", "dst-ip", "src-ip6", "dst-ip6", "id",
	}
}

// metaShape is how long a meta value is; keys not named here hold 32 bits.
func metaShape(key string) shape {
	switch key {
	case "iifname", "oifname", "ibrname", "obrname", "iifkind", "oifkind":
		return shape{size: 16}
	case "protocol":
		return shape{size: 2}
	case "iiftype", "oiftype":
		return shape{size: 2, host: true}
	case "nfproto", "l4proto", "pkttype", "nftrace", "ipsec":
		return shape{size: 1}
	}
	return shape{size: 4, host: true}
}

// ctShape is how long a conntrack value is; keys not named here hold 32 bits.
func ctShape(key string) shape {
	switch key {
	case "helper", "label", "saddr", "daddr", "src-ip6", "dst-ip6":
		return shape{size: 16}
	case "src-ip", "dst-ip":
		return shape{size: 4}
	case "packets", "bytes", "avgpkt":
		return shape{size: 8, host: true}
	case "proto-src", "proto-dst":
		return shape{size: 2}
	case "zone":
		return shape{size: 2, host: true}
	case "direction", "l3proto", "protocol":
		return shape{size: 1}
	}
	return shape{size: 4, host: true}
}

// keyType is one data type of a set's key.
type keyType struct {
	name string
	shape
}

// keyTypes are nft's data types that a set's key may consist of, by the
// number under which nft stores them with the set.
func keyTypes() map[uint32]keyType {
	return map[uint32]keyType{
		2: {"nf_proto", shape{size: 1}}, 4: {"integer", shape{size: 4}},
		7: {"ipv4_addr", shape{size: 4}}, 8: {"ipv6_addr", shape{size: 16}},
		9: {"ether_addr", shape{size: 6}}, 10: {"ether_type", shape{size: 2}},
		12: {"inet_proto", shape{size: 1}}, 13: {"inet_service", shape{size: 2}},
		14: {"icmp_type", shape{size: 1}}, 15: {"tcp_flag", shape{size: 1}},
		19: {"mark", shape{4, true}}, 20: {"iface_index", shape{4, true}},
		21: {"iface_type", shape{2, true}}, 22: {"realm", shape{4, true}},
		23: {"classid", shape{4, true}}, 24: {"uid", shape{4, true}}, 25: {"gid", shape{4, true}},
		26: {"ct_state", shape{4, true}}, 27: {"ct_dir", shape{size: 1}}, 28: {"ct_status", shape{4, true}},
		29: {"icmpv6_type", shape{size: 1}}, 30: {"ct_label", shape{size: 16}}, 31: {"pkt_type", shape{size: 1}},
		35: {"devgroup", shape{4, true}}, 36: {"dscp", shape{size: 1}}, 38: {"fib_addrtype", shape{4, true}},
		40: {"ct_event", shape{4, true}}, 41: {"ifname", shape{size: 16}},
	}
}

// nameOf is the name with a number, or the number itself.
func nameOf(names []string, number uint32) (string, bool) {
	if int64(number) < int64(len(names)) {
		return names[number], true
	}
	return "", false
}

// padded is the room that a field takes in registers and in joined keys.
func padded(size int) int { return (size + 3) &^ 3 }
