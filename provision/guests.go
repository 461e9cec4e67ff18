package provision

import (
	"context"
	"net/netip"

	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/machine"
)

// PinReader knows which host key a node must show.
type PinReader interface {
	// Pinned returns the public keys of which the node must show one,
	// "ssh-ed25519 AAAA…"; none if nothing is known.
	Pinned(node string) ([]string, error)
}

// Pins keeps host keys. Changes are on the disk when the call returns, and
// connections opened afterwards go by them.
type Pins interface {
	PinReader
	// Pin replaces what is pinned for the node.
	Pin(node string, keys ...string) error
	Forget(node string) error
}

// Guests reaches the machines over SSH.
type Guests interface {
	// Reader looks at a node, with one attempt and without waiting.
	Reader(node inventory.Node) machine.Reader
	Host(node inventory.Node) GuestHost
}

// GuestHost is a node that may be changed.
type GuestHost interface {
	machine.Host
	machine.Redialer
	// WaitReady waits until the node shows a pinned host key, accepts our
	// login and has finished cloud-init.
	WaitReady(ctx context.Context) error
}

// Prober asks the LAN whether an address is taken.
type Prober interface {
	// Answers says whether anything accepts or refuses a TCP connection
	// there. No answer until ctx ends is false without an error.
	Answers(ctx context.Context, address netip.AddrPort) (bool, error)
}

// readiness tells whether a node can be worked with. `up` waits for it, a
// plan asks once.
type readiness func(ctx context.Context) error

func askOnce(r machine.Reader) readiness {
	return func(ctx context.Context) error {
		_, err := r.Query(ctx, machine.SudoWorks())
		return err
	}
}
