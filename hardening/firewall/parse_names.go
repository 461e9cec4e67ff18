package firewall

// namedField is a field of a rule, the type of its values, and what they are called.
type namedField struct {
	left, kind string
	size       int
	bits       bool // several values are one mask
	names      map[string]uint32
}

func namedFields() map[string]namedField {
	return map[string]namedField{
		"ct state":       {"ct state", "ct_state", 4, true, map[string]uint32{"invalid": 1, "established": 2, "related": 4, "new": 8, "untracked": 64}},
		"meta l4proto":   {"meta l4proto", "inet_proto", 1, false, map[string]uint32{"tcp": 6, "udp": 17, "icmp": 1, "icmpv6": 58}},
		"fib daddr type": {"fib daddr type", "fib_addrtype", 4, false, map[string]uint32{"unicast": typeUnicast, "local": typeLocal, "broadcast": typeBroadcast, "multicast": typeMulticast}},
		"icmp type": {"payload transport 0 1", "icmp_type", 1, false, map[string]uint32{
			"destination-unreachable": 3, "echo-request": 8, "time-exceeded": 11, "parameter-problem": 12}},
		"icmpv6 type": {"payload transport 0 1", "icmpv6_type", 1, false, map[string]uint32{
			"destination-unreachable": 1, "packet-too-big": 2, "time-exceeded": 3, "parameter-problem": 4, "echo-request": 128,
			"mld-listener-query": 130, "nd-router-advert": 134, "nd-neighbor-solicit": 135, "nd-neighbor-advert": 136}},
	}
}
