package node

import (
	"bytes"
	"errors"
	"fmt"
	"net"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// The devices, with flannel's names and numbers.
const (
	bridgeName = "cni0"
	vxlanName  = "flannel.1"
	vxlanID    = 1
	vxlanPort  = 8472
	overhead   = 50
)

// tunnel is this node's end of the overlay.
type tunnel struct {
	link  netlink.Link
	mac   net.HardwareAddr
	mtu   int
	rules string // those of translations as they were written last
}

// raise makes the bridge of the node's pods and the tunnel to the others'.
// What an earlier k3s left is taken over if it is as it must be.
func raise(iface string, ip net.IP, pods *net.IPNet) (*tunnel, error) {
	under, err := underlay(iface, ip)
	if err != nil {
		return nil, err
	}
	mtu := under.Attrs().MTU - overhead
	// Named here, as flannel does it: udev gives a device whose address the
	// kernel chose another one, a moment after it was told to the other nodes.
	mac := net.HardwareAddr(append([]byte{0x0e, 0x4b}, ip.To4()...))
	want := &netlink.Vxlan{
		LinkAttrs: netlink.LinkAttrs{Name: vxlanName, MTU: mtu, HardwareAddr: mac},
		VxlanId:   vxlanID, VtepDevIndex: under.Attrs().Index, SrcAddr: ip, Port: vxlanPort, Learning: false,
	}
	link, err := ensure(want, func(have netlink.Link) bool {
		v, ok := have.(*netlink.Vxlan)
		return ok && bytes.Equal(v.HardwareAddr, mac) && v.VxlanId == vxlanID && v.VtepDevIndex == want.VtepDevIndex && v.SrcAddr.Equal(ip) && v.Port == vxlanPort && !v.Learning
	})
	if err != nil {
		return nil, err
	}
	if err := address(link, &net.IPNet{IP: pods.IP, Mask: net.CIDRMask(32, 32)}); err != nil {
		return nil, err
	}
	bridge, err := ensure(&netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: bridgeName, MTU: mtu}},
		func(have netlink.Link) bool { return have.Type() == "bridge" })
	if err != nil {
		return nil, err
	}
	gateway := &net.IPNet{IP: append(net.IP{}, pods.IP.To4()...), Mask: pods.Mask}
	gateway.IP[3]++
	if err := address(bridge, gateway); err != nil {
		return nil, err
	}
	return &tunnel{link: link, mac: link.Attrs().HardwareAddr, mtu: mtu}, nil
}

// underlay finds the device that carries the tunnel's packets.
func underlay(iface string, ip net.IP) (netlink.Link, error) {
	if iface != "" {
		link, err := netlink.LinkByName(iface)
		if err != nil {
			return nil, fmt.Errorf("flannel-iface %s: %w", iface, err)
		}
		return link, nil
	}
	all, err := netlink.AddrList(nil, netlink.FAMILY_V4)
	if err != nil {
		return nil, fmt.Errorf("list the addresses: %w", err)
	}
	for _, a := range all {
		if a.IP.Equal(ip) {
			return netlink.LinkByIndex(a.LinkIndex)
		}
	}
	return nil, fmt.Errorf("no device has the node's address %s", ip)
}

// ensure returns a device that is up: the one that is there if it fits, else a new one.
func ensure(want netlink.Link, fits func(netlink.Link) bool) (netlink.Link, error) {
	name := want.Attrs().Name
	have, err := netlink.LinkByName(name)
	var missing netlink.LinkNotFoundError
	switch {
	case errors.As(err, &missing):
	case err != nil:
		return nil, fmt.Errorf("look for %s: %w", name, err)
	case fits(have):
		return have, netlink.LinkSetUp(have)
	default:
		if err := netlink.LinkDel(have); err != nil {
			return nil, fmt.Errorf("take %s away: %w", name, err)
		}
	}
	if err := netlink.LinkAdd(want); err != nil {
		return nil, fmt.Errorf("make %s: %w", name, err)
	}
	if have, err = netlink.LinkByName(name); err != nil {
		return nil, fmt.Errorf("look for %s: %w", name, err)
	}
	if err := netlink.LinkSetUp(have); err != nil {
		return nil, fmt.Errorf("bring %s up: %w", name, err)
	}
	return have, nil
}

// address makes one address the only IPv4 address of a device.
func address(link netlink.Link, want *net.IPNet) error {
	have, err := netlink.AddrList(link, netlink.FAMILY_V4)
	if err != nil {
		return fmt.Errorf("list the addresses of %s: %w", link.Attrs().Name, err)
	}
	for _, a := range have {
		if a.IPNet.String() == want.String() {
			continue
		}
		if err := netlink.AddrDel(link, &a); err != nil {
			return fmt.Errorf("take %s from %s: %w", a.IPNet, link.Attrs().Name, err)
		}
	}
	if err := netlink.AddrReplace(link, &netlink.Addr{IPNet: want}); err != nil {
		return fmt.Errorf("give %s to %s: %w", want, link.Attrs().Name, err)
	}
	return nil
}

// program makes the routes, the neighbours and the forwarding table those of
// the peers and of nobody else.
func (t *tunnel) program(peers []peer) error {
	wanted, macs := map[string]bool{}, map[string]bool{}
	for _, p := range peers {
		wanted[p.pods.String()], macs[p.mac.String()] = true, true
		if err := t.reach(p); err != nil {
			return err
		}
	}
	routes, err := netlink.RouteList(t.link, netlink.FAMILY_V4)
	if err != nil {
		return fmt.Errorf("list the routes: %w", err)
	}
	for _, r := range routes {
		if r.Gw != nil && r.Dst != nil && !wanted[r.Dst.String()] {
			if err := netlink.RouteDel(&r); err != nil {
				return fmt.Errorf("take the route to %s away: %w", r.Dst, err)
			}
		}
	}
	return t.prune(macs)
}

// prune takes away the neighbours and forwardings that lead to nobody.
func (t *tunnel) prune(macs map[string]bool) error {
	index := t.link.Attrs().Index
	for _, family := range []int{netlink.FAMILY_V4, unix.AF_BRIDGE} {
		neighbours, err := netlink.NeighList(index, family)
		if err != nil {
			return fmt.Errorf("list the neighbours: %w", err)
		}
		for _, e := range neighbours {
			if e.State&netlink.NUD_PERMANENT == 0 || len(e.HardwareAddr) == 0 || macs[e.HardwareAddr.String()] {
				continue
			}
			if err := netlink.NeighDel(&e); err != nil {
				return fmt.Errorf("take a neighbour away: %w", err)
			}
		}
	}
	return nil
}

// reach programs the way to one peer: a route by the address of its tunnel,
// that address' MAC, and where frames for that MAC are sent.
func (t *tunnel) reach(p peer) error {
	index := t.link.Attrs().Index
	if err := netlink.NeighSet(&netlink.Neigh{LinkIndex: index, State: netlink.NUD_PERMANENT, Type: unix.RTN_UNICAST, IP: p.pods.IP, HardwareAddr: p.mac}); err != nil {
		return fmt.Errorf("program the neighbour of %s: %w", p.node, err)
	}
	if err := netlink.NeighSet(&netlink.Neigh{LinkIndex: index, State: netlink.NUD_PERMANENT, Family: unix.AF_BRIDGE, Flags: netlink.NTF_SELF, IP: p.public, HardwareAddr: p.mac}); err != nil {
		return fmt.Errorf("program the forwarding to %s: %w", p.node, err)
	}
	route := &netlink.Route{LinkIndex: index, Scope: netlink.SCOPE_UNIVERSE, Dst: p.pods, Gw: p.pods.IP, Flags: int(netlink.FLAG_ONLINK)}
	if err := netlink.RouteReplace(route); err != nil {
		return fmt.Errorf("program the route to %s: %w", p.node, err)
	}
	return nil
}
