package ssh

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	xssh "golang.org/x/crypto/ssh"

	"github.com/k3sedge/k3sedge/provision/machine"
)

// closePatience is how long a server may take what was written before Close.
const closePatience = time.Second

// Dial opens a connection that begins on the host; a name is looked up there.
func (h *Host) Dial(ctx context.Context, address string) (net.Conn, error) {
	if _, _, err := net.SplitHostPort(address); err != nil {
		return nil, fmt.Errorf("read the address to connect to: %w", err)
	}
	conn, err := onLive(ctx, h, func(l *link, ctx context.Context) (net.Conn, error) { return l.tunnel(ctx, address) })
	var refused *machine.DialError
	if err == nil || errors.As(err, &refused) {
		return conn, err
	}
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return nil, fmt.Errorf("connect to %s from %s: %w", address, h.cfg.name(), err)
}

func (l *link) tunnel(ctx context.Context, address string) (net.Conn, error) {
	channel, err := l.client.DialContext(ctx, "tcp", address)
	var refused *xssh.OpenChannelError
	switch {
	case err == nil:
		return newTunnel(l, channel, address), nil
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case errors.As(err, &refused):
		return nil, l.refusal(address, refused)
	}
	l.end(err)
	return nil, l.lostError(err)
}

// refusal keeps the reason in sshd's words, where it has any.
func (l *link) refusal(address string, refused *xssh.OpenChannelError) error {
	reason := refused.Message
	if reason == "" || reason == "open failed" {
		reason = refused.Reason.String()
	}
	err := &machine.DialError{Address: address, Reason: reason}
	if refused.Reason == xssh.Prohibited {
		return machine.WithHint(err, "sshd on %s does not forward to there: it needs `AllowTcpForwarding local` and no PermitOpen without %s; `k3sedge harden` sets both for what k3sedge needs", l.cfg.name(), address)
	}
	return err
}

// tunnel is a connection through a channel. Its user holds one end of a pipe,
// because a pipe has the deadlines that a channel lacks, and closing it ends
// whatever waits.
type tunnel struct {
	net.Conn
	link    *link
	channel net.Conn
	address remote
}

func newTunnel(l *link, channel net.Conn, address string) *tunnel {
	ours, theirs := net.Pipe()
	go func() {
		_, _ = io.Copy(channel, theirs)
		_ = channel.Close()
		// A writer must not wait for a server that has gone; it learns that
		// when it has read what came before.
		_, _ = io.Copy(io.Discard, theirs)
	}()
	go func() {
		_, _ = io.Copy(theirs, channel)
		_ = theirs.Close()
	}()
	return &tunnel{ours, l, channel, remote(address)}
}

// Read reads. The end of the SSH connection is no ordinary end.
func (t *tunnel) Read(p []byte) (int, error) {
	n, err := t.Conn.Read(p)
	if errors.Is(err, io.EOF) && (t.link.isLost() || t.link.conn.broken.Load()) {
		<-t.link.lost
		return n, t.link.lostError(nil)
	}
	return n, err
}

// Close ends whatever waits. What was written before is still sent, unless the
// server has stopped taking it.
func (t *tunnel) Close() error {
	time.AfterFunc(closePatience, func() { _ = t.channel.Close() })
	return t.Conn.Close()
}

// RemoteAddr returns the address that was asked for.
func (t *tunnel) RemoteAddr() net.Addr { return t.address }

// remote is an address as the host knows it.
type remote string

// Network returns "tcp".
func (remote) Network() string { return "tcp" }

// String returns host:port.
func (r remote) String() string { return string(r) }
