package firewall

import (
	"encoding/binary"
	"net/netip"
)

// probe is a packet to send: Packet's SrcPort, or for ICMP tag, tells it from others.
type probe struct {
	Packet
	tag uint16
	// flags are the TCP flags as they are; Packet.TCPFlags 0 means a default.
	noFlags bool
}

func (p probe) id() uint16 {
	if p.SrcPort != 0 {
		return p.SrcPort
	}
	return p.tag
}

func (w *wire) ethernet(etherType uint16, payload []byte) []byte {
	frame := append([]byte(nil), w.nodeMAC...)
	frame = append(frame, 2, 0, 0, 0, 9, 2)
	frame = binary.BigEndian.AppendUint16(frame, etherType)
	return append(frame, payload...)
}

func (w *wire) frame(p probe) []byte {
	segment := p.segment()
	number, _ := p.protoNumber()
	if p.Src.Is4() {
		header := make([]byte, 20)
		header[0], header[8], header[9] = 0x45, 255, number
		binary.BigEndian.PutUint16(header[2:], uint16(20+len(segment)))
		copy(header[12:], p.Src.AsSlice())
		copy(header[16:], p.Dst.AsSlice())
		binary.BigEndian.PutUint16(header[10:], checksum(header))
		return w.ethernet(0x0800, append(header, segment...))
	}
	header := make([]byte, 40)
	header[0], header[6], header[7] = 0x60, number, 255
	binary.BigEndian.PutUint16(header[4:], uint16(len(segment)))
	copy(header[8:], p.Src.AsSlice())
	copy(header[24:], p.Dst.AsSlice())
	return w.ethernet(0x86dd, append(header, segment...))
}

// segment is the transport part with its checksum.
func (p probe) segment() []byte {
	var data []byte
	at := 2
	switch p.Proto {
	case "tcp":
		data, at = make([]byte, 20), 16
		data[12] = 5 << 4
		binary.BigEndian.PutUint16(data[4:], p.tag) // the sequence number: nobody translates it
		if !p.noFlags {
			data[13] = p.tcpFlags()
		}
	case "udp":
		data, at = make([]byte, 12), 6
		binary.BigEndian.PutUint16(data[4:], uint16(len(data)))
		binary.BigEndian.PutUint16(data[8:], p.tag)
	default:
		data = make([]byte, 32)
		data[0] = p.ICMPType
		binary.BigEndian.PutUint16(data[4:], p.tag)
	}
	if p.Proto == "tcp" || p.Proto == "udp" {
		binary.BigEndian.PutUint16(data, p.SrcPort)
		binary.BigEndian.PutUint16(data[2:], p.DstPort)
	}
	sum := checksum(data)
	if p.Proto != "icmp" {
		number, _ := p.protoNumber()
		sum = checksum(append(pseudoHeader(p.Src, p.Dst, number, len(data)), data...))
	}
	binary.BigEndian.PutUint16(data[at:], sum)
	return data
}

func pseudoHeader(src, dst netip.Addr, proto byte, size int) []byte {
	header := append(src.AsSlice(), dst.AsSlice()...)
	header = binary.BigEndian.AppendUint32(header, uint32(size))
	return append(header, 0, 0, 0, proto)
}

func checksum(data []byte) uint16 {
	sum := uint32(0)
	for i := 0; i+1 < len(data); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(data[i:]))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}
