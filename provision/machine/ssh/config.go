package ssh

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/k3sedge/k3sedge/provision/machine"
)

// Config says how to reach one host.
type Config struct {
	// Name is the node's name, under which its host key is pinned.
	Name string
	// Address is host:port.
	Address string
	User    string
	// Section is where a host that is no node stands in k3sedge.yaml, such as
	// ssh.jump: it is what hints then name.
	Section string
	// Auth may be shared between hosts; a passphrase is then asked for once.
	Auth *Auth
	Pins *Pins
	// Jump is the host through which this one is reached, or nil.
	Jump *Config
	// OnState, if set, is told by WaitReady after each look that found the
	// host not ready: why, since when it is so, and the error behind it.
	OnState func(ctx context.Context, state machine.State, lasting time.Duration, err error)
}

// name is what errors and hints call the host.
func (c Config) name() string {
	if c.Name != "" {
		return c.Name
	}
	return c.Address
}

// pinned returns the host's pinned keys.
func (c Config) pinned() []string {
	if c.Pins == nil {
		return nil
	}
	if c.Name != "" {
		return c.Pins.Get(c.Name)
	}
	return c.Pins.Get(addressName(c.Address))
}

// check finds what no attempt could ever mend.
func (c Config) check() error {
	if _, _, err := net.SplitHostPort(c.Address); err != nil {
		return fmt.Errorf("read address of %s, wanted host:port: %w", c.name(), err)
	}
	if c.User == "" {
		return machine.WithHint(fmt.Errorf("connect to %s: %w", c.name(), errNoUser), "set ssh.user")
	}
	return nil
}

// unreachable makes the error that says why the host cannot be worked with,
// with what the user can do about it.
func (c Config) unreachable(state machine.State, err error) error {
	return machine.WithHint(&machine.UnreachableError{Address: c.Address, State: state, Err: err}, "%s", c.hint(state))
}

// pace holds every duration of this package, so that tests need not wait.
type pace struct {
	dial      time.Duration // until TCP answers
	handshake time.Duration // until the server let us in, the time a person types not counted
	keepalive time.Duration
	misses    int // silent keepalive intervals after which the connection is lost
	retry     func(state machine.State, tries int) time.Duration
	auth      time.Duration // how long a refused login may still become right
}

func defaultPace() pace {
	return pace{
		dial:      5 * time.Second,
		handshake: 30 * time.Second,
		keepalive: 15 * time.Second,
		misses:    3,
		retry:     retryPause,
		auth:      90 * time.Second,
	}
}
