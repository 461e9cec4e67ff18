package firewall

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Connection tracking states, as Packet.CTState has them.
const (
	CTNew         = "new"
	CTEstablished = "established"
	CTRelated     = "related"
	CTInvalid     = "invalid"
	CTUntracked   = "untracked"
)

// TCP flags, as Packet.TCPFlags has them.
const (
	TCPSyn = 0x02
	TCPAck = 0x10
)

// Packet is one packet that comes in from a network, lone and on an idle host.
type Packet struct {
	// Iif is where it comes in; Oif where it goes on if it is not for this
	// host. "" is an interface that is not known.
	Iif, Oif string
	Src, Dst netip.Addr
	Proto    string // tcp, udp, icmp, icmpv6
	// SrcPort 0 is a port that is not known: clients choose any.
	SrcPort, DstPort uint16
	ICMPType         uint8
	// TCPFlags 0 is a SYN where CTState is new, else an ACK.
	TCPFlags uint8
	// CTState is what connection tracking makes of it; "" is CTNew.
	CTState string
	// Local says that Dst is an address of this host.
	Local bool
}

// bits is a value of which some bits are known. No value at all is one of
// which not even the length is known.
type bits struct {
	value, known []byte
}

func exactly(value ...byte) bits {
	return bits{value: value, known: slices.Repeat([]byte{0xff}, len(value))}
}

func exactName(name string) bits {
	const ifNameSize = 16
	if name == "" || len(name) >= ifNameSize {
		return bits{}
	}
	return exactly(append([]byte(name), make([]byte, ifNameSize-len(name))...)...)
}

func exact32(number uint32) bits {
	return exactly(binary.BigEndian.AppendUint32(nil, number)...)
}

// check refuses what no kernel would ever see.
func (p Packet) check() error {
	if !p.Src.IsValid() || !p.Dst.IsValid() || p.Src.Is4() != p.Dst.Is4() {
		return errors.New("packet needs two addresses of one family")
	}
	if p.Src.Is4In6() || p.Dst.Is4In6() {
		return errors.New("packet has an IPv4 address in the form of IPv6")
	}
	if _, ok := p.protoNumber(); !ok {
		return errors.New("packet's protocol is not tcp, udp, icmp or icmpv6")
	}
	if p.Proto == "icmp" && !p.Src.Is4() || p.Proto == "icmpv6" && p.Src.Is4() {
		return errors.New("packet's protocol belongs to the other address family")
	}
	if _, ok := p.ctBits(); !ok {
		return errors.New("packet's connection state is not known")
	}
	return nil
}

func (p Packet) protoNumber() (byte, bool) {
	number, ok := map[string]byte{"tcp": 6, "udp": 17, "icmp": 1, "icmpv6": 58}[p.Proto]
	return number, ok
}

func (p Packet) ctBits() (uint32, bool) {
	state, ok := map[string]uint32{
		"": 8, CTNew: 8, CTInvalid: 1, CTEstablished: 2, CTRelated: 4, CTUntracked: 64,
	}[p.CTState]
	return state, ok
}

// toHost tells whether the packet goes to the input hook, not on to another machine.
func (p Packet) toHost() bool {
	return p.Local || p.Dst.IsMulticast() || p.broadcast()
}

func (p Packet) broadcast() bool { return p.Dst == netip.AddrFrom4([4]byte{255, 255, 255, 255}) }

// operand is the value of one operand of an expression's left side, with its
// masks. What the packet does not tell is a value without known bits.
func (p Packet) operand(text string) bits {
	base, masks, masked := strings.Cut(text, " & ")
	words := strings.Fields(base)
	var value bits
	if len(words) > 1 {
		value = p.load(words[0], words[1:])
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

func (p Packet) load(kind string, words []string) bits {
	switch {
	case kind == "meta":
		return p.meta(words[0])
	case kind == "ct" && len(words) == 1 && words[0] == "state":
		state, _ := p.ctBits()
		return exact32(state)
	case kind == "fib" && slices.Equal(words, []string{"daddr", "type"}):
		return exact32(p.addressType())
	case kind == "imm":
		return exactly(unhex(words[0])...)
	case kind == "payload" && len(words) == 3:
		return p.payload(words[0], words[1], words[2])
	}
	return bits{}
}

func (p Packet) meta(key string) bits {
	switch key {
	case "nfproto":
		if p.Src.Is4() {
			return exactly(2)
		}
		return exactly(10)
	case "protocol":
		if p.Src.Is4() {
			return exactly(0x08, 0x00)
		}
		return exactly(0x86, 0xdd)
	case "l4proto":
		number, _ := p.protoNumber()
		return exactly(number)
	case "iifname":
		return exactName(p.Iif)
	case "oifname":
		return exactName(p.Oif)
	case "iif":
		return index(p.Iif)
	case "oif":
		return index(p.Oif)
	}
	return bits{}
}

// loopbackIndex is the index of lo in every network namespace.
const loopbackIndex = "00000001"

// index is known for lo only.
func index(name string) bits {
	if name == "lo" {
		return exact32(1)
	}
	return bits{}
}

// addressType is the kernel's type of the destination: 1 is a host elsewhere,
// 2 this host, 3 everyone on the link, 5 a group.
func (p Packet) addressType() uint32 {
	switch {
	case p.Local:
		return 2
	case p.broadcast():
		return 3
	case p.Dst.IsMulticast():
		return 5
	}
	return 1
}

func (p Packet) payload(base, offset, size string) bits {
	from, fromErr := strconv.Atoi(offset)
	length, lengthErr := strconv.Atoi(size)
	var header bits
	switch base {
	case "network":
		header = p.networkHeader()
	case "transport":
		header = p.transportHeader()
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

func (p Packet) networkHeader() bits {
	number, _ := p.protoNumber()
	if p.Src.Is4() {
		header := blank(20)
		header.set(9, number)
		header.set(12, p.Src.AsSlice()...)
		header.set(16, p.Dst.AsSlice()...)
		return header
	}
	header := blank(40)
	header.set(6, number)
	header.set(8, p.Src.AsSlice()...)
	header.set(24, p.Dst.AsSlice()...)
	return header
}

func (p Packet) transportHeader() bits {
	if p.Proto == "icmp" || p.Proto == "icmpv6" {
		header := blank(8)
		header.set(0, p.ICMPType)
		return header
	}
	header := blank(20)
	if p.SrcPort != 0 {
		header.set(0, binary.BigEndian.AppendUint16(nil, p.SrcPort)...)
	}
	header.set(2, binary.BigEndian.AppendUint16(nil, p.DstPort)...)
	if p.Proto == "udp" {
		return bits{value: header.value[:8], known: header.known[:8]}
	}
	header.set(13, p.tcpFlags())
	return header
}

func (p Packet) tcpFlags() byte {
	switch {
	case p.TCPFlags != 0:
		return p.TCPFlags
	case p.CTState == "" || p.CTState == CTNew:
		return TCPSyn
	}
	return TCPAck
}
