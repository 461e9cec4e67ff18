package firewall

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"slices"
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
	// FromHost is a packet that a program on this host sends: nothing comes
	// in, and Iif means nothing.
	FromHost bool
}

// bits is a value of which some bits are known. No value at all is one of
// which not even the length is known.
type bits struct {
	value, known []byte
}

func exactly(value ...byte) bits {
	return bits{value: value, known: slices.Repeat([]byte{0xff}, len(value))}
}

// ifNameSize is the room for an interface's name.
const ifNameSize = 16

func exactName(name string) bits {
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

func (p Packet) tcpFlags() byte {
	switch {
	case p.TCPFlags != 0:
		return p.TCPFlags
	case p.CTState == "" || p.CTState == CTNew:
		return TCPSyn
	}
	return TCPAck
}
