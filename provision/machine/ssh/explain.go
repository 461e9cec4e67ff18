package ssh

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"syscall"

	xssh "golang.org/x/crypto/ssh"

	"github.com/k3sedge/k3sedge/provision/machine"
)

// errGone is a server that hung up before it had shown its host key.
var errGone = errors.New("closed before the key exchange")

// errNotSSH is a server with which no key exchange was possible.
var errNotSSH = errors.New("no key exchange possible")

// hangsUpAfter is how many keys a hardened sshd takes (MaxAuthTries): a server
// that ended the connection then did so because none of them was right.
const hangsUpAfter = 3

// dialError names why no byte stream to the host could be opened.
func dialError(ctx context.Context, cfg Config, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("connect to %s: %w", cfg.name(), context.Cause(ctx))
	}
	return cfg.unreachable(dialState(err), err)
}

func dialState(err error) machine.State {
	var network net.Error
	var name *net.DNSError
	var jump *xssh.OpenChannelError
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return machine.Refused
	case errors.As(err, &jump):
		// A jump host tells only in words whether its own connect was refused
		// or found no route; the words are in the error for people.
		return machine.NoRoute
	case errors.As(err, &name):
		return machine.NoRoute
	case errors.Is(err, errNoAnswer), errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return machine.Timeout
	}
	return machine.NoRoute
}

// explain names why the login failed, by how far the attempt came.
func (a *attempt) explain(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("connect to %s: %w", a.cfg.name(), context.Cause(ctx))
	case errors.Is(err, errNoAnswer):
		return a.cfg.unreachable(machine.Timeout, err)
	case a.differs != nil:
		return a.cfg.unreachable(machine.HostKeyDiffers, a.differs)
	case a.accepted == nil && a.conn.broken.Load():
		return a.cfg.unreachable(machine.Refused, fmt.Errorf("%w: %w", errGone, err))
	case a.accepted == nil:
		return a.cfg.unreachable(machine.Refused, fmt.Errorf("%w: %w", errNotSSH, err))
	case a.identity != nil:
		return a.noIdentity(a.identity)
	case a.conn.broken.Load() && len(a.offer.keys) < hangsUpAfter:
		return a.cfg.unreachable(machine.Lost, err)
	}
	return a.cfg.unreachable(machine.AuthRefused, fmt.Errorf("user %s, offered %s: %w", a.cfg.User, a.offer, err))
}

// noIdentity keeps the more telling hint of err, if it has one.
func (a *attempt) noIdentity(err error) error {
	var own interface{ Hint() string }
	if errors.As(err, &own) {
		return machine.WithHint(a.cfg.unreachable(machine.NoIdentity, err), "%s", own.Hint())
	}
	return a.cfg.unreachable(machine.NoIdentity, err)
}

// errOtherKey is a host key that is not among the pinned ones; final.
var errOtherKey = errors.New("not the pinned key")

// checkHostKey accepts a pinned key only. When the keys are exchanged again
// on a live connection, the key that was right at its start is right still,
// although the host may have got a new one since.
func (a *attempt) checkHostKey(_ string, _ net.Addr, key xssh.PublicKey) error {
	same := func(k xssh.PublicKey) bool { return string(k.Marshal()) == string(key.Marshal()) }
	if a.accepted != nil && same(a.accepted) {
		return nil
	}
	if slices.ContainsFunc(a.pins, same) {
		a.accepted = key
		return nil
	}
	pinned := make([]string, len(a.pins))
	for i, k := range a.pins {
		pinned[i] = describe(k)
	}
	a.differs = fmt.Errorf("%w: offered %s, pinned %s", errOtherKey, describe(key), strings.Join(pinned, " or "))
	return a.differs
}

func describe(key xssh.PublicKey) string {
	return xssh.FingerprintSHA256(key) + " (" + key.Type() + ")"
}
