package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"

	"github.com/k3sedge/k3sedge/hardening/agent"
	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/converge"
	"github.com/k3sedge/k3sedge/provision/machine"
	"github.com/k3sedge/k3sedge/provision/machine/look"
	"github.com/k3sedge/k3sedge/provision/machine/ssh"
)

// firstLogin is how long a new machine may take from its start to a finished
// cloud-init, unless --wait says otherwise: a Debian cloud image needs about a
// minute on slow storage.
const firstLogin = 5 * time.Minute

// guest is a node behind SSH that tells the run what it waits for.
type guest struct {
	*ssh.Host
	look.Remote
	wait time.Duration // for the first login
}

func newGuest(cfg ssh.Config) *guest {
	cfg.OnState = func(ctx context.Context, state machine.State, lasting time.Duration, _ error) {
		converge.Waiting(ctx, "SSH: "+string(state), likely(state, lasting))
	}
	host := ssh.NewHost(cfg)
	return &guest{host, look.Remote{Target: host, Agents: agent.Embedded{}}, firstLogin}
}

// WaitReady waits until the node lets us in and has finished its first boot.
func (g *guest) WaitReady(ctx context.Context) error { return g.Host.WaitReady(ctx, g.wait) }

// likely is the probable cause of a state that lasts longer than a sound
// machine stays in it.
func likely(state machine.State, lasting time.Duration) string {
	const usual = 30 * time.Second
	if lasting < usual {
		return ""
	}
	return ssh.Hint(state)
}

// nodePins keeps the nodes' host keys under their addresses.
type nodePins struct {
	*ssh.Pins
	cluster inventory.Cluster
}

// Pinned returns the keys of which a node must show one.
func (p nodePins) Pinned(node string) ([]string, error) { return p.Get(node), nil }

// Pin replaces what is pinned for a node.
func (p nodePins) Pin(node string, keys ...string) error {
	for _, n := range p.cluster.Nodes {
		if n.Name == node {
			return p.Set(node, sshAddress(p.cluster, n), keys...)
		}
	}
	return fmt.Errorf("pin a host key: there is no node %q", node)
}

// lanProber asks whether somebody already lives at an address.
type lanProber struct{}

// Answers reports whether anything accepts or refuses a connection. It waits
// until ctx ends: how long that is worth is for those to say who ask.
func (lanProber) Answers(ctx context.Context, address netip.AddrPort) (bool, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address.String())
	switch {
	case err == nil:
		return true, conn.Close()
	case errors.Is(err, syscall.ECONNREFUSED):
		return true, nil
	}
	return false, nil
}
