package node

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/types"
)

// namespaces is where the CNI plugins keep the network namespaces of pods.
const namespaces = "/run/netns"

var (
	errNoNetwork = errors.New("the node has no pod network yet")
	errFull      = errors.New("no free address in the node's pod network")
)

// network gives each pod that is not on the host's network a network of its
// own on the bridge. The addresses are kept in a folder, one file a pod, as the
// host-local plugin keeps them, so that a pod has the same after k3s or the
// machine was started anew.
type network struct {
	dir   string
	mu    sync.Mutex
	pods  netip.Prefix // the node's; not valid until the overlay is up
	all   netip.Prefix // the cluster's
	mtu   int
	last  netip.Addr // given out last, so that none is used again at once
	taken map[netip.Addr]types.UID
}

// open says which addresses there are to give.
func (n *network) open(pods, all netip.Prefix, mtu int) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.pods == pods {
		return nil
	}
	taken := map[netip.Addr]types.UID{}
	left, err := os.ReadDir(n.dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("read the pods' addresses: %w", err)
	}
	for _, e := range left {
		uid := types.UID(e.Name())
		if a := n.kept(uid); pods.Contains(a) {
			taken[a] = uid
		}
	}
	n.pods, n.all, n.mtu, n.taken, n.last = pods, all, mtu, taken, gateway(pods)
	return nil
}

// gateway is the bridge's own address.
func gateway(pods netip.Prefix) netip.Addr { return pods.Masked().Addr().Next() }

// kept is the address that a pod has, or none.
func (n *network) kept(uid types.UID) netip.Addr {
	content, err := os.ReadFile(filepath.Join(n.dir, string(uid)))
	if err != nil {
		return netip.Addr{}
	}
	a, err := netip.ParseAddr(strings.TrimSpace(string(content)))
	if err != nil {
		return netip.Addr{} // cut off while it was written: the pod never had it
	}
	return a
}

// namespaceOf is the file that keeps a pod's network namespace.
func namespaceOf(uid types.UID) string { return filepath.Join(namespaces, "cni-"+string(uid)) }

// attach gives the pod its address and its namespace, if it has none.
func (n *network) attach(uid types.UID) (netip.Addr, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.pods.IsValid() {
		return netip.Addr{}, errNoNetwork
	}
	a := n.kept(uid)
	if !n.pods.Contains(a) {
		var err error
		if a, err = n.take(uid); err != nil {
			return netip.Addr{}, err
		}
	}
	return a, plug(namespaceOf(uid), cable{host: hostEnd(uid), address: netip.PrefixFrom(a, n.pods.Bits()), gateway: gateway(n.pods), all: n.all, mtu: n.mtu})
}

// take gives out the next free address.
func (n *network) take(uid types.UID) (netip.Addr, error) {
	first := gateway(n.pods).Next()
	a := n.last.Next()
	for range 1 << (32 - n.pods.Bits()) {
		if !n.pods.Contains(a) || !n.pods.Contains(a.Next()) { // the last one is for broadcasts
			a = first
		}
		if n.taken[a] == "" {
			return a, n.write(uid, a)
		}
		a = a.Next()
	}
	return netip.Addr{}, fmt.Errorf("%w %s", errFull, n.pods)
}

func (n *network) write(uid types.UID, a netip.Addr) error {
	if err := os.MkdirAll(n.dir, 0o700); err != nil {
		return fmt.Errorf("keep a pod's address: %w", err)
	}
	if err := os.WriteFile(filepath.Join(n.dir, string(uid)), []byte(a.String()), 0o600); err != nil {
		return fmt.Errorf("keep a pod's address: %w", err)
	}
	n.taken[a], n.last = uid, a
	return nil
}

// detach takes a pod's namespace and address back. That there are none is fine.
func (n *network) detach(uid types.UID) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	a := n.kept(uid)
	if !a.IsValid() {
		return nil
	}
	if err := unplug(namespaceOf(uid), hostEnd(uid)); err != nil {
		return err
	}
	if err := os.Remove(filepath.Join(n.dir, string(uid))); err != nil {
		return fmt.Errorf("forget a pod's address: %w", err)
	}
	delete(n.taken, a)
	return nil
}
