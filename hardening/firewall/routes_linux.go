package firewall

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// KernelRoutes asks the kernel of the calling thread's network namespace. It
// belongs to one goroutine, and is to be closed.
type KernelRoutes struct {
	conn  *netlink.Conn
	known map[routeQuestion]routeAnswer
	names map[int]string
}

type routeQuestion struct {
	src, dst netip.Addr
	iif      string
}

type routeAnswer struct {
	route Route
	err   error
}

// OpenRoutes opens the connection to the kernel.
func OpenRoutes() (*KernelRoutes, error) {
	conn, err := netlink.Dial(unix.NETLINK_ROUTE, nil)
	if err != nil {
		return nil, fmt.Errorf("open netlink: %w", err)
	}
	return &KernelRoutes{conn, map[routeQuestion]routeAnswer{}, map[int]string{}}, nil
}

// Close ends the connection.
func (k *KernelRoutes) Close() error { return k.conn.Close() }

// Route asks the kernel where it would send a packet.
func (k *KernelRoutes) Route(src, dst netip.Addr, iif string) (Route, error) {
	question := routeQuestion{src, dst, iif}
	if iif == "" {
		question.src = netip.Addr{} // one's own address need not be known yet
	}
	known, ok := k.known[question]
	if !ok {
		known.route, known.err = k.ask(question)
		k.known[question] = known
	}
	return known.route, known.err
}

func (k *KernelRoutes) ask(q routeQuestion) (Route, error) {
	header := make([]byte, unix.SizeofRtMsg)
	header[0], header[1] = unix.AF_INET, byte(q.dst.BitLen())
	if q.dst.Is6() {
		header[0] = unix.AF_INET6
	}
	attrs := []netlink.Attribute{{Type: unix.RTA_DST, Data: q.dst.AsSlice()}}
	if q.src.IsValid() {
		header[2] = byte(q.src.BitLen())
		attrs = append(attrs, netlink.Attribute{Type: unix.RTA_SRC, Data: q.src.AsSlice()})
	}
	if q.iif != "" {
		link, err := net.InterfaceByName(q.iif)
		if err != nil {
			return Route{}, fmt.Errorf("find interface %s: %w", q.iif, err)
		}
		attrs = append(attrs, netlink.Attribute{Type: unix.RTA_IIF, Data: binary.NativeEndian.AppendUint32(nil, uint32(link.Index))})
	}
	data, err := netlink.MarshalAttributes(attrs)
	if err != nil {
		return Route{}, fmt.Errorf("encode netlink request: %w", err)
	}
	replies, err := k.conn.Execute(netlink.Message{
		Header: netlink.Header{Type: unix.RTM_GETROUTE, Flags: netlink.Request}, Data: append(header, data...),
	})
	switch {
	case errors.Is(err, unix.ENETUNREACH), errors.Is(err, unix.EHOSTUNREACH), errors.Is(err, unix.EXDEV), errors.Is(err, unix.EINVAL), errors.Is(err, unix.EACCES):
		return Route{}, ErrNoRoute
	case err != nil:
		return Route{}, fmt.Errorf("ask for the route to %s: %w", q.dst, err)
	case len(replies) != 1 || len(replies[0].Data) < unix.SizeofRtMsg:
		return Route{}, fmt.Errorf("ask for the route to %s: %d answers", q.dst, len(replies))
	}
	return k.answer(replies[0].Data)
}

func (k *KernelRoutes) answer(data []byte) (Route, error) {
	const typeAt = 7 // of struct rtmsg
	attrs, err := parseAttributes(data[unix.SizeofRtMsg:])
	if err != nil {
		return Route{}, err
	}
	switch data[typeAt] {
	case unix.RTN_LOCAL, unix.RTN_BROADCAST, unix.RTN_ANYCAST, unix.RTN_MULTICAST:
		return Route{Local: data[typeAt] == unix.RTN_LOCAL}, nil
	case unix.RTN_UNICAST:
		if oif := attrs[unix.RTA_OIF]; len(oif) == 4 {
			return Route{Oif: k.name(int(binary.NativeEndian.Uint32(oif)))}, nil
		}
		return Route{}, nil
	}
	return Route{}, ErrNoRoute
}

func (k *KernelRoutes) name(index int) string {
	if name, ok := k.names[index]; ok {
		return name
	}
	link, err := net.InterfaceByIndex(index)
	if err != nil {
		return ""
	}
	k.names[index] = link.Name
	return link.Name
}
