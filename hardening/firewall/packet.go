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
	Iif string     `json:"iif,omitempty"`
	Oif string     `json:"oif,omitempty"`
	Src netip.Addr `json:"src"`
	Dst netip.Addr `json:"dst"`
	// Proto is tcp, udp, icmp or icmpv6.
	Proto string `json:"proto"`
	// SrcPort 0 is a port that is not known: clients choose any.
	SrcPort  uint16 `json:"srcPort,omitempty"`
	DstPort  uint16 `json:"dstPort,omitempty"`
	ICMPType uint8  `json:"icmpType,omitempty"`
	// TCPFlags 0 is a SYN where CTState is new, else an ACK.
	TCPFlags uint8 `json:"tcpFlags,omitempty"`
	// CTState is what connection tracking makes of it; "" is CTNew.
	CTState string `json:"ctState,omitempty"`
	// Local says that Dst is an address of this host.
	Local bool `json:"local,omitempty"`
	// FromHost is a packet that a program on this host sends: nothing comes
	// in, and Iif means nothing.
	FromHost bool `json:"fromHost,omitempty"`
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
	switch p.Proto {
	case "tcp":
		return 6, true
	case "udp":
		return 17, true
	case "icmp":
		return 1, true
	case "icmpv6":
		return 58, true
	}
	return 0, false
}

func (p Packet) ctBits() (uint32, bool) {
	switch p.CTState {
	case "", CTNew:
		return ctNew, true
	case CTInvalid:
		return ctInvalid, true
	case CTEstablished:
		return ctEstablished, true
	case CTRelated:
		return ctRelated, true
	case CTUntracked:
		return ctUntracked, true
	}
	return 0, false
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
