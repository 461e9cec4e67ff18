package node

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
	"k8s.io/apimachinery/pkg/types"
)

// podEnd is the name of a pod's own device.
const podEnd = "eth0"

// cable is what joins a pod to the bridge.
type cable struct {
	host    string       // the node's end
	address netip.Prefix // the pod's
	gateway netip.Addr
	all     netip.Prefix // the pods of the whole cluster
	mtu     int
}

// hostEnd names the node's end of a pod's cable.
func hostEnd(uid types.UID) string {
	sum := sha256.Sum256([]byte(uid))
	return "veth" + hex.EncodeToString(sum[:4])
}

// plug makes the namespace and the cable, unless both are there.
func plug(namespace string, c cable) error {
	if err := ensureNamespace(namespace); err != nil {
		return fmt.Errorf("make the pod's network namespace: %w", err)
	}
	ns, err := netns.GetFromPath(namespace)
	if err != nil {
		return fmt.Errorf("open the pod's network namespace: %w", err)
	}
	defer ns.Close()
	inside, err := netlink.NewHandleAt(ns)
	if err != nil {
		return fmt.Errorf("look into the pod's network namespace: %w", err)
	}
	defer inside.Close()
	if _, err := inside.LinkByName(podEnd); err != nil {
		if err := c.lay(ns); err != nil {
			return err
		}
	}
	return c.configure(inside)
}

// ensureNamespace makes a network namespace and mounts it on a file, which
// keeps it when no process is in it.
func ensureNamespace(file string) error {
	var fs unix.Statfs_t
	if err := unix.Statfs(file, &fs); err == nil && fs.Type == unix.NSFS_MAGIC {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(file, nil, 0o444); err != nil {
		return err
	}
	failed := make(chan error)
	go func() {
		// Never unlocked: the thread is in the new namespace, and ends with this.
		runtime.LockOSThread()
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			failed <- err
			return
		}
		failed <- unix.Mount("/proc/thread-self/ns/net", file, "", unix.MS_BIND, "")
	}()
	return <-failed
}

// lay makes the cable from the bridge into the namespace.
func (c cable) lay(ns netns.NsHandle) error {
	if old, err := netlink.LinkByName(c.host); err == nil { // its other end is gone
		if err := netlink.LinkDel(old); err != nil {
			return fmt.Errorf("take %s away: %w", c.host, err)
		}
	}
	bridge, err := netlink.LinkByName(bridgeName)
	if err != nil {
		return fmt.Errorf("look for %s: %w", bridgeName, err)
	}
	link := &netlink.Veth{
		LinkAttrs: netlink.LinkAttrs{Name: c.host, MTU: c.mtu, MasterIndex: bridge.Attrs().Index, TxQLen: -1},
		PeerName:  podEnd, PeerNamespace: netlink.NsFd(ns),
	}
	if err := netlink.LinkAdd(link); err != nil {
		return fmt.Errorf("make %s: %w", c.host, err)
	}
	// A pod may find itself behind the address of a service.
	return errors.Join(netlink.LinkSetHairpin(link, true), netlink.LinkSetUp(link))
}

// configure gives the pod's end its address and its ways out.
func (c cable) configure(inside *netlink.Handle) error {
	for _, name := range []string{"lo", podEnd} {
		link, err := inside.LinkByName(name)
		if err != nil {
			return fmt.Errorf("look for the pod's %s: %w", name, err)
		}
		if err := inside.LinkSetUp(link); err != nil {
			return fmt.Errorf("bring the pod's %s up: %w", name, err)
		}
	}
	link, err := inside.LinkByName(podEnd)
	if err != nil {
		return fmt.Errorf("look for the pod's %s: %w", podEnd, err)
	}
	if err := inside.AddrReplace(link, &netlink.Addr{IPNet: ipNet(c.address.Addr(), c.address.Bits())}); err != nil {
		return fmt.Errorf("give the pod %s: %w", c.address, err)
	}
	for _, to := range []*net.IPNet{ipNet(netip.IPv4Unspecified(), 0), ipNet(c.all.Addr(), c.all.Bits())} {
		route := &netlink.Route{LinkIndex: link.Attrs().Index, Dst: to, Gw: c.gateway.AsSlice()}
		if err := inside.RouteReplace(route); err != nil {
			return fmt.Errorf("give the pod a route to %s: %w", to, err)
		}
	}
	return nil
}

func ipNet(a netip.Addr, bits int) *net.IPNet {
	return &net.IPNet{IP: a.AsSlice(), Mask: net.CIDRMask(bits, a.BitLen())}
}

// unplug takes the cable and the namespace away.
func unplug(namespace, host string) error {
	if link, err := netlink.LinkByName(host); err == nil {
		if err := netlink.LinkDel(link); err != nil {
			return fmt.Errorf("take %s away: %w", host, err)
		}
	}
	if err := unix.Unmount(namespace, unix.MNT_DETACH); err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("let go of the pod's network namespace: %w", err)
	}
	if err := os.Remove(namespace); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("let go of the pod's network namespace: %w", err)
	}
	return nil
}
