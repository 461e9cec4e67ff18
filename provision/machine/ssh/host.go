package ssh

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/k3sedge/k3sedge/provision/machine"
)

// errClosed is the use of a host after Close; final.
var errClosed = errors.New("the host was closed")

// errNoUser is a configuration without a login name; final.
var errNoUser = errors.New("no user to log in as")

// Host is a machine.Host over one SSH connection, which it opens when it is
// first needed and again after it was lost. A command is never run twice.
type Host struct {
	cfg     Config
	pace    pace
	dialing chan struct{} // holds one token: one attempt in flight

	mu     sync.Mutex
	link   *link
	closed bool

	tidying sync.WaitGroup // clean-up on the host that a cancelled caller did not wait for
}

var (
	_ machine.Session  = (*Host)(nil)
	_ machine.Placer   = (*Host)(nil)
	_ machine.Redialer = (*Host)(nil)
	_ machine.Dialer   = (*Host)(nil)
	_ machine.Uploader = (*Host)(nil)
)

// NewHost returns a host that connects on first use.
func NewHost(cfg Config) *Host { return newHost(cfg, defaultPace()) }

func newHost(cfg Config, p pace) *Host {
	return &Host{cfg: cfg, pace: p, dialing: make(chan struct{}, 1)}
}

// Connect makes one attempt, unless the host is connected already. The error
// is an *machine.UnreachableError that says how far the attempt came.
func (h *Host) Connect(ctx context.Context) error {
	_, err := h.connected(ctx)
	return err
}

// Redial opens a new connection of its own: TCP, host key and login from the
// start, through a new connection to the jump host if there is one.
func (h *Host) Redial(ctx context.Context) (machine.Session, error) {
	fresh := newHost(h.cfg, h.pace)
	if err := fresh.Connect(ctx); err != nil {
		return nil, err
	}
	return fresh, nil
}

// Close ends the connection. It waits, for a short bounded time, until
// uploads that were given up are removed from the host.
func (h *Host) Close() error {
	h.mu.Lock()
	h.closed = true
	h.mu.Unlock()
	h.tidying.Wait()
	h.mu.Lock()
	l := h.link
	h.link = nil
	h.mu.Unlock()
	if l != nil {
		l.end(errClosed)
	}
	return nil
}

// connected returns the live connection, and makes it if there is none.
func (h *Host) connected(ctx context.Context) (*link, error) {
	if l, err := h.current(); l != nil || err != nil {
		return l, err
	}
	select {
	case h.dialing <- struct{}{}:
	case <-ctx.Done():
		return nil, fmt.Errorf("connect to %s: %w", h.cfg.name(), context.Cause(ctx))
	}
	defer func() { <-h.dialing }()
	if l, err := h.current(); l != nil || err != nil {
		return l, err
	}
	l, err := dial(ctx, h.cfg, h.pace)
	if err != nil {
		return nil, err
	}
	return h.adopt(l)
}

// current returns the connection if it is alive.
func (h *Host) current() (*link, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil, fmt.Errorf("use %s: %w", h.cfg.name(), errClosed)
	}
	if h.link == nil || h.link.isLost() {
		return nil, nil
	}
	return h.link, nil
}

func (h *Host) adopt(l *link) (*link, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		l.end(errClosed)
		return nil, fmt.Errorf("use %s: %w", h.cfg.name(), errClosed)
	}
	h.link = l
	return l, nil
}
