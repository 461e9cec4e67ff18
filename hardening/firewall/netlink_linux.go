package firewall

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// google/nftables lists rules without the expressions that it does not know,
// so that "unknown condition accept" reads as "accept". Rules, sets and
// elements are therefore taken from the kernel's messages themselves, over the
// netlink library that google/nftables stands on.

// attributes are one level of a netlink message, by type.
type attributes map[uint16][]byte

// parseAttributes reads one level. Of a repeated type the last one counts;
// lists are read with listAttributes.
func parseAttributes(data []byte) (attributes, error) {
	attrs := attributes{}
	decoder, err := netlink.NewAttributeDecoder(data)
	if err != nil {
		return nil, fmt.Errorf("decode netlink attributes: %w", err)
	}
	for decoder.Next() {
		attrs[decoder.Type()] = decoder.Bytes()
	}
	if err := decoder.Err(); err != nil {
		return nil, fmt.Errorf("decode netlink attributes: %w", err)
	}
	return attrs, nil
}

// listAttributes reads a list, whose attributes all have the same type.
func listAttributes(data []byte) ([]attributes, error) {
	if len(data) == 0 {
		return nil, nil
	}
	decoder, err := netlink.NewAttributeDecoder(data)
	if err != nil {
		return nil, fmt.Errorf("decode netlink list: %w", err)
	}
	var list []attributes
	for decoder.Next() {
		attrs, err := parseAttributes(decoder.Bytes())
		if err != nil {
			return nil, err
		}
		list = append(list, attrs)
	}
	if err := decoder.Err(); err != nil {
		return nil, fmt.Errorf("decode netlink list: %w", err)
	}
	return list, nil
}

// number is an integer in network byte order, 0 where there is none.
func (a attributes) number(kind uint16) uint64 {
	data := a[kind]
	switch len(data) {
	case 1:
		return uint64(data[0])
	case 2:
		return uint64(binary.BigEndian.Uint16(data))
	case 4:
		return uint64(binary.BigEndian.Uint32(data))
	case 8:
		return binary.BigEndian.Uint64(data)
	}
	return 0
}

func (a attributes) u32(kind uint16) uint32 { return uint32(a.number(kind)) }

func (a attributes) text(kind uint16) string {
	return string(bytes.TrimRight(a[kind], "\x00"))
}

// value is the data nested in an attribute that carries a register's content.
func (a attributes) value(kind uint16) ([]byte, error) {
	if len(a[kind]) == 0 {
		return nil, nil
	}
	nested, err := parseAttributes(a[kind])
	if err != nil {
		return nil, err
	}
	return nested[unix.NFTA_DATA_VALUE], nil
}

// only tells whether there is no attribute but these: one that is not
// accounted for might change what the expression does.
func (a attributes) only(kinds ...uint16) bool {
	known := 0
	for _, kind := range kinds {
		if _, has := a[kind]; has {
			known++
		}
	}
	return known == len(a)
}

// dump asks the kernel of the calling thread's network namespace for all
// objects of a kind that belong to a table.
func dump(message uint16, family byte, filter []netlink.Attribute) ([]attributes, error) {
	data, err := netlink.MarshalAttributes(filter)
	if err != nil {
		return nil, fmt.Errorf("encode netlink request: %w", err)
	}
	return ask(message, netlink.Dump, append([]byte{family, unix.NFNETLINK_V0, 0, 0}, data...))
}

// generation is the number of the ruleset, which every change raises.
func generation() (uint32, error) {
	answers, err := ask(unix.NFT_MSG_GETGEN, 0, []byte{unix.AF_UNSPEC, unix.NFNETLINK_V0, 0, 0})
	if err != nil {
		return 0, err
	}
	if len(answers) != 1 {
		return 0, fmt.Errorf("read generation: %d answers", len(answers))
	}
	return answers[0].u32(unix.NFTA_GEN_ID), nil
}

// dumpAll asks for all objects of a kind, whosever they are.
func dumpAll(message uint16) ([]object, error) {
	return askObjects(message, netlink.Dump, []byte{unix.AF_UNSPEC, unix.NFNETLINK_V0, 0, 0})
}

func ask(message uint16, flags netlink.HeaderFlags, data []byte) ([]attributes, error) {
	objects, err := askObjects(message, flags, data)
	if err != nil {
		return nil, err
	}
	list := make([]attributes, 0, len(objects))
	for _, o := range objects {
		list = append(list, o.attributes)
	}
	return list, nil
}

// object is one answer of the kernel.
type object struct {
	family byte
	attributes
}

func askObjects(message uint16, flags netlink.HeaderFlags, data []byte) ([]object, error) {
	conn, err := netlink.Dial(unix.NETLINK_NETFILTER, nil)
	if err != nil {
		return nil, fmt.Errorf("open netlink: %w", err)
	}
	defer func() { _ = conn.Close() }()
	replies, err := conn.Execute(netlink.Message{
		Header: netlink.Header{
			Type:  netlink.HeaderType(unix.NFNL_SUBSYS_NFTABLES<<8 | message),
			Flags: netlink.Request | flags,
		},
		Data: data,
	})
	if err != nil {
		return nil, fmt.Errorf("read nftables: %w", err)
	}
	objects := make([]object, 0, len(replies))
	for _, reply := range replies {
		if len(reply.Data) < nfgenmsgLen {
			return nil, fmt.Errorf("read nftables: message of %d bytes", len(reply.Data))
		}
		attrs, err := parseAttributes(reply.Data[nfgenmsgLen:])
		if err != nil {
			return nil, err
		}
		objects = append(objects, object{reply.Data[0], attrs})
	}
	return objects, nil
}

// nfgenmsgLen is the length of the header that precedes the attributes.
const nfgenmsgLen = 4

func textAttribute(kind uint16, text string) netlink.Attribute {
	return netlink.Attribute{Type: kind, Data: append([]byte(text), 0)}
}
