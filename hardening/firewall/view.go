package firewall

import (
	"encoding/binary"
	"slices"
	"strconv"
	"strings"
)

// view is a packet as a hook sees it: on its way the kernel learns its
// connection, rules mark it and translate its addresses.
type view struct {
	Packet
	hook   string
	routes Router          // nil where nobody can be asked
	sets   map[string]*Set // of the table that is asked
	// mark and connMark are the marks of the packet and of its connection.
	mark, connMark bits
	// tracked says that connection tracking has seen the packet, unsettled that
	// it is not known whether it has.
	tracked, unsettled bool
	exempt             bool // a rule has kept it from being tracked
	// toDst says that its destination was translated, perhaps that its
	// destination or its source may have been: to what it was, if anything.
	toDst, perhaps bool
	// A rule has said what the destination, the source becomes: no other is asked.
	settledDst, settledSrc bool
	// What it was translated to is not known.
	dstLost, srcLost, portLost bool
}

// operand is the value of one operand of an expression's left side, with its
// masks. What the packet does not tell is a value without known bits.
func (v *view) operand(text string) bits {
	base, masks, masked := strings.Cut(text, " & ")
	words := strings.Fields(base)
	var value bits
	if len(words) > 1 {
		value = v.load(words[0], words[1:])
	}
	for masked {
		var next string
		masks, next, masked = strings.Cut(masks, " & ")
		mask, xor, _ := strings.Cut(masks, " ^ ")
		value = value.masked(unhex(mask), unhex(xor))
		masks = next
	}
	return value
}

func (b bits) masked(mask, xor []byte) bits {
	if len(mask) != len(b.value) || len(xor) != len(b.value) {
		return bits{}
	}
	out := bits{value: slices.Clone(b.value), known: slices.Clone(b.known)}
	for i := range out.value {
		out.value[i] = out.value[i]&mask[i] ^ xor[i]
		out.known[i] |= ^mask[i]
	}
	return out
}

func (v *view) load(kind string, words []string) bits {
	switch kind {
	case "meta":
		return v.meta(words[0])
	case "ct":
		return v.conntrack(strings.Join(words, " "))
	case "fib":
		return v.fib(strings.Join(words, " "))
	case "imm":
		return exactly(unhex(words[0])...)
	case "payload":
		if len(words) == 3 {
			return v.payload(words[0], words[1], words[2])
		}
	case "map":
		if len(words) == 2 {
			return v.mapped(words[0], words[1])
		}
	}
	return bits{}
}

// mapped is the value that a map has for a key.
func (v *view) mapped(name, key string) bits {
	set := v.sets[name]
	if set == nil || strings.Contains(key, "map_") {
		return bits{} // maps of maps are not followed
	}
	left := strings.ReplaceAll(strings.ReplaceAll(key, "+", " . "), "_", " ")
	element, hit := set.find(v.fields(left))
	data := unhex(element.Data)
	if hit != yes || len(data) == 0 {
		return bits{}
	}
	return exactly(data...)
}

func (v *view) meta(key string) bits {
	four := v.Src.Is4()
	switch key {
	case "nfproto":
		if four {
			return exactly(2)
		}
		return exactly(10)
	case "protocol":
		if four {
			return exactly(0x08, 0x00)
		}
		return exactly(0x86, 0xdd)
	case "l4proto":
		number, _ := v.protoNumber()
		return exactly(number)
	case "mark":
		return v.mark
	case "pkttype":
		return exactly(v.packetType())
	}
	return v.link(key)
}

// packetType tells whom the frame was for: 0 this host, 1 everybody, 2 a group.
func (v *view) packetType() byte {
	switch {
	case v.broadcast():
		return 1
	case v.Dst.IsMulticast():
		return 2
	}
	return 0
}

// link is an interface by index or by name.
func (v *view) link(key string) bits {
	var name string
	var there bool
	switch strings.TrimSuffix(key, "name") {
	case "iif":
		name, there = v.wayIn()
	case "oif":
		name, there = v.wayOut()
	default:
		return bits{}
	}
	switch byName := strings.HasSuffix(key, "name"); {
	case !there && byName:
		return exactly(make([]byte, ifNameSize)...)
	case !there:
		return exact32(0)
	case byName:
		return exactName(name)
	case name == "lo": // its index is known everywhere
		return exact32(1)
	}
	return bits{}
}

// wayIn is the interface by which the packet came, as far as the hook knows:
// what this host sends came by none. "" is one that is not known.
func (v *view) wayIn() (name string, there bool) {
	if v.hook == "postrouting" {
		return "", true // kernels differ
	}
	return v.Iif, v.hook != "output"
}

// wayOut is the interface by which it leaves; before routing there is none.
func (v *view) wayOut() (name string, there bool) {
	return v.Oif, v.hook != "ingress" && v.hook != "prerouting" && v.hook != "input"
}

// notLoopback tells that an interface's index is not known, but that of lo it is not.
func (v *view) notLoopback(left string) bool {
	var name string
	var there bool
	switch left {
	case "meta iif":
		name, there = v.wayIn()
	case "meta oif":
		name, there = v.wayOut()
	}
	return there && name != "" && name != "lo"
}

func (v *view) fib(words string) bits {
	switch words {
	case "daddr type":
		return v.destinationType(func(kind uint32) uint32 { return kind })
	case "daddr typebit":
		return v.destinationType(func(kind uint32) uint32 { return 1 << kind })
	case "saddr type":
		return v.sourceType(func(kind uint32) uint32 { return kind })
	case "saddr typebit":
		return v.sourceType(func(kind uint32) uint32 { return 1 << kind })
	}
	return bits{}
}

// The kernel's types of an address.
const (
	typeUnicast   = 1 // a host elsewhere
	typeLocal     = 2 // this host
	typeBroadcast = 3
	typeMulticast = 5
)

func (v *view) destinationType(as func(uint32) uint32) bits {
	switch {
	case v.Local:
		return exact32(as(typeLocal))
	case v.dstLost:
		return bits{}
	case v.broadcast():
		return exact32(as(typeBroadcast))
	case v.Dst.IsMulticast():
		return exact32(as(typeMulticast))
	}
	return exact32(as(typeUnicast))
}

// sourceType asks the routes, if there are any: the packet does not say
// whether its source is an address of this host.
func (v *view) sourceType(as func(uint32) uint32) bits {
	switch {
	case v.FromHost, v.Src.IsLoopback():
		return exact32(as(typeLocal))
	case v.srcLost, v.routes == nil:
		return bits{}
	}
	route, err := v.routes.Route(v.Dst, v.Src, "")
	if err != nil {
		return bits{}
	}
	if route.Local {
		return exact32(as(typeLocal))
	}
	return exact32(as(typeUnicast))
}

func (v *view) payload(base, offset, size string) bits {
	from, fromErr := strconv.Atoi(offset)
	length, lengthErr := strconv.Atoi(size)
	var header bits
	switch base {
	case "network":
		header = v.networkHeader()
	case "transport":
		header = v.transportHeader()
	}
	if fromErr != nil || lengthErr != nil || from < 0 || length < 0 ||
		from > len(header.value) || length > len(header.value)-from {
		return bits{}
	}
	return bits{value: header.value[from : from+length], known: header.known[from : from+length]}
}

func (b bits) set(offset int, data ...byte) {
	for i, octet := range data {
		b.value[offset+i], b.known[offset+i] = octet, 0xff
	}
}

func blank(size int) bits { return bits{value: make([]byte, size), known: make([]byte, size)} }

func (v *view) networkHeader() bits {
	number, _ := v.protoNumber()
	if v.Src.Is4() {
		header := blank(20)
		header.set(9, number)
		v.addresses(header, 12, 16)
		return header
	}
	header := blank(40)
	header.set(6, number)
	v.addresses(header, 8, 24)
	return header
}

func (v *view) addresses(header bits, src, dst int) {
	if !v.srcLost {
		header.set(src, v.Src.AsSlice()...)
	}
	if !v.dstLost {
		header.set(dst, v.Dst.AsSlice()...)
	}
}

func (v *view) transportHeader() bits {
	if v.Proto == "icmp" || v.Proto == "icmpv6" {
		header := blank(8)
		header.set(0, v.ICMPType)
		return header
	}
	header := blank(20)
	if v.SrcPort != 0 && !v.srcLost {
		header.set(0, binary.BigEndian.AppendUint16(nil, v.SrcPort)...)
	}
	if !v.portLost {
		header.set(2, binary.BigEndian.AppendUint16(nil, v.DstPort)...)
	}
	if v.Proto == "udp" {
		return bits{value: header.value[:8], known: header.known[:8]}
	}
	header.set(13, v.tcpFlags())
	return header
}
