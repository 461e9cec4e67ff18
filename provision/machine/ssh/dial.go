package ssh

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	xssh "golang.org/x/crypto/ssh"
)

// errNoAnswer is a step of the connection that took longer than a live
// server needs.
var errNoAnswer = errors.New("not answered in time")

// attempt is one try to get a connection. Its callbacks note how far it came,
// so that a failure can be named by what happened and not by its text.
type attempt struct {
	cfg  Config
	pace pace

	pins     []xssh.PublicKey
	offer    offer
	patience *time.Timer
	conn     *countedConn

	accepted xssh.PublicKey // the host key, once it was found right
	differs  error          // why it was not
	identity error          // why our own key could not sign
}

// dial makes one attempt from TCP to login.
func dial(ctx context.Context, cfg Config, p pace) (*link, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	a := &attempt{cfg: cfg, pace: p}
	if err := a.prepare(ctx); err != nil {
		return nil, err
	}
	defer a.offer.close()
	raw, jump, err := reach(ctx, cfg, p)
	if err != nil {
		return nil, err
	}
	client, err := a.login(ctx, raw)
	if err != nil {
		if jump != nil {
			jump.end(err)
		}
		return nil, a.explain(ctx, err)
	}
	return newLink(a, client, jump), nil
}

// reach opens the byte stream to the host's sshd: TCP, or a channel of the
// jump host's connection, which is then returned too.
func reach(ctx context.Context, cfg Config, p pace) (net.Conn, *link, error) {
	if cfg.Jump == nil {
		limited, cancel := context.WithTimeoutCause(ctx, p.dial, errNoAnswer)
		defer cancel()
		conn, err := new(net.Dialer).DialContext(limited, "tcp", cfg.Address)
		if err != nil {
			return nil, nil, dialError(ctx, cfg, err)
		}
		return conn, nil, nil
	}
	jump, err := dial(ctx, *cfg.Jump, p)
	if err != nil {
		return nil, nil, fmt.Errorf("reach %s through jump host %s: %w", cfg.name(), cfg.Jump.name(), err)
	}
	limited, cancel := context.WithTimeoutCause(ctx, p.dial, errNoAnswer)
	defer cancel()
	conn, err := jump.client.DialContext(limited, "tcp", cfg.Address)
	if err != nil {
		jump.end(err)
		return nil, nil, dialError(ctx, cfg, err)
	}
	return conn, jump, nil
}

// login does the key exchange and the authentication.
func (a *attempt) login(ctx context.Context, raw net.Conn) (*xssh.Client, error) {
	ctx, giveUp := context.WithCancelCause(ctx)
	defer giveUp(nil)
	a.conn = &countedConn{Conn: raw}
	a.patience = time.AfterFunc(a.pace.handshake, func() { giveUp(errNoAnswer) })
	defer a.patience.Stop()
	return shake(ctx, a.conn, &xssh.ClientConfig{
		User:              a.cfg.User,
		Auth:              []xssh.AuthMethod{xssh.PublicKeys(a.signers()...)},
		HostKeyCallback:   a.checkHostKey,
		HostKeyAlgorithms: algorithmsFor(a.pins),
	})
}

// shake runs a handshake that ends when ctx does: the library's own has no
// context, and closing a channel of a jump host does not unblock it.
func shake(ctx context.Context, conn net.Conn, config *xssh.ClientConfig) (*xssh.Client, error) {
	type result struct {
		client *xssh.Client
		err    error
	}
	done := make(chan result, 1)
	go func() {
		c, channels, requests, err := xssh.NewClientConn(conn, "", config)
		if err != nil {
			done <- result{nil, err}
			return
		}
		done <- result{xssh.NewClient(c, channels, requests), nil}
	}()
	select {
	case r := <-done:
		return r.client, r.err
	case <-ctx.Done():
		go func() {
			_ = conn.Close()
			if r := <-done; r.client != nil {
				_ = r.client.Close()
			}
		}()
		return nil, context.Cause(ctx)
	}
}
