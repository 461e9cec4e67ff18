//go:build linux

package lab

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// bridge is the LAN's switch, inside the LAN namespace.
const bridge = "br0"

// bridgeMAC is given to the bridge, because it would otherwise take that of
// one of its machines, and lose it when that one is switched off: all others
// would then go on to talk to nobody.
const bridgeMAC = "02:4b:33:00:00:01"

// namespaceDir is where `ip netns` keeps its names.
const namespaceDir = "/run/netns"

// namespacePath is the file that stands for a namespace.
func namespacePath(name string) string { return filepath.Join(namespaceDir, name) }

// namespaceExists says whether a namespace has this name.
func namespaceExists(name string) bool {
	_, err := os.Lstat(namespacePath(name))
	return err == nil
}

// networkUp makes the LAN, if it is not there yet. Nothing connects it to the
// machine's own network: it has neither a route out nor an interface there.
func (l *Lab) networkUp(ctx context.Context) error {
	if err := l.resolveInLAN(); err != nil {
		return err
	}
	lan := l.plan.lan()
	if namespaceExists(lan) && namespaceExists(l.plan.stranger()) {
		return nil
	}
	if err := l.unplugAll(ctx); err != nil {
		return err
	}
	commands := [][]string{
		{"ip", "netns", "add", lan},
		{"ip", "-n", lan, "link", "set", "lo", "up"},
		{"ip", "-n", lan, "link", "add", bridge, "address", bridgeMAC, "type", "bridge", "forward_delay", "0"},
		{"ip", "-n", lan, "link", "set", bridge, "up"},
	}
	// The first address is the one that connections come from.
	for _, ip := range append([]string{OperatorIP, GatewayIP, HypervisorIP, WebIP, CloudflareIP, AcmeIP}, backendIPs()...) {
		commands = append(commands, []string{"ip", "-n", lan, "addr", "add", ip + prefixLength, "dev", bridge})
	}
	if err := runAll(ctx, commands); err != nil {
		return fmt.Errorf("make the LAN: %w", err)
	}
	stranger := l.plan.stranger()
	if err := l.plug(ctx, stranger, "stranger", ""); err != nil {
		return err
	}
	commands = [][]string{
		{"ip", "-n", stranger, "addr", "add", StrangerIP + prefixLength, "dev", "eth0"},
		{"ip", "-n", stranger, "link", "set", "eth0", "up"},
	}
	if HasIPv6() {
		commands = append(commands,
			[]string{"ip", "-n", lan, "addr", "add", OperatorIP6 + prefixLength6, "dev", bridge, "nodad"},
			[]string{"ip", "-n", stranger, "addr", "add", StrangerIP6 + prefixLength6, "dev", "eth0", "nodad"})
	}
	return runAll(ctx, commands)
}

// HasIPv6 says whether this machine's kernel knows IPv6.
func HasIPv6() bool {
	_, err := os.Stat("/proc/sys/net/ipv6")
	return err == nil
}

// noDuplicates spares each boot a second of looking for somebody else with the
// same link-local address. A machine without IPv6 has nothing to look for.
const noDuplicates = `for f in /proc/sys/net/ipv6/conf/all /proc/sys/net/ipv6/conf/default; do [ ! -d $f ] || echo 0 > $f/accept_dad || exit 1; done`

// plug makes a namespace with a cable into the LAN, eth0 inside. One of the
// same name is replaced: rules and addresses in it must not outlive a boot.
func (l *Lab) plug(ctx context.Context, namespace, id, mac string) error {
	if err := l.unplug(ctx, namespace); err != nil {
		return err
	}
	lan := l.plan.lan()
	cable := []string{"ip", "-n", lan, "link", "add", port(id), "type", "veth", "peer", "name", "eth0"}
	if mac != "" {
		cable = append(cable, "address", mac)
	}
	err := runAll(ctx, [][]string{
		{"ip", "netns", "add", namespace},
		{"ip", "-n", namespace, "link", "set", "lo", "up"},
		{"ip", "netns", "exec", namespace, "sh", "-c", noDuplicates},
		append(cable, "netns", namespace),
		{"ip", "-n", lan, "link", "set", port(id), "master", bridge, "up"},
	})
	if err != nil {
		return fmt.Errorf("connect %s to the LAN: %w", id, err)
	}
	return nil
}

// unplug removes a namespace, and its cable with it.
func (l *Lab) unplug(ctx context.Context, namespace string) error {
	if !namespaceExists(namespace) {
		return nil
	}
	// The namespace lives on for as long as a process is in it; its cable
	// must not, or the next one of that name could not be connected.
	if _, err := run(ctx, "ip", "-n", namespace, "link", "del", "eth0"); err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	// The next machine with this address has another hardware address. The LAN
	// would look for the old one for up to 45 s; if the LAN goes too, there is
	// nothing to forget.
	_, _ = run(ctx, "ip", "-n", l.plan.lan(), "neigh", "flush", "dev", bridge)
	// Two may clear up behind the same machine: who watched it and `down`.
	if _, err := run(ctx, "ip", "netns", "del", namespace); err != nil && namespaceExists(namespace) {
		return fmt.Errorf("remove namespace: %w", err)
	}
	return nil
}

// networkDown removes the LAN and all that was made for it.
func (l *Lab) networkDown(ctx context.Context) error {
	return errors.Join(l.unplugAll(ctx), l.forgetResolver())
}

// unplugAll removes all namespaces of this lab, whoever made them.
func (l *Lab) unplugAll(ctx context.Context) error {
	names, err := l.namespaces()
	for _, name := range names {
		err = errors.Join(err, l.unplug(ctx, name))
	}
	return err
}

// namespaces lists those of this lab.
func (l *Lab) namespaces() ([]string, error) {
	entries, err := os.ReadDir(namespaceDir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list namespaces: %w", err)
	}
	var names []string
	for _, e := range entries {
		if l.plan.owns(e.Name()) {
			names = append(names, e.Name())
		}
	}
	return names, nil
}
