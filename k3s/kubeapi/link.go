package kubeapi

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/k3sedge/k3sedge/k3s/kubeconfig"
	"github.com/k3sedge/k3sedge/provision/machine"
)

// connectLimit bounds a connection that comes about: reading the kubeconfig,
// the dial and the handshake. quietLimit is how long a connection may be
// silent before its other end is asked whether it is there.
const (
	connectLimit = 30 * time.Second
	quietLimit   = 15 * time.Second
)

// Config says how the API is reached.
type Config struct {
	// Dialer opens connections that begin on a server of the cluster.
	Dialer machine.Dialer
	// Kubeconfig returns what stands in the server's kubeconfig now. It is
	// asked for each connection, of which there is one at a time.
	Kubeconfig func(ctx context.Context) ([]byte, error)
}

var errClosed = errors.New("the client is closed")

// link is a transport with one connection, which all requests share. It
// connects when it is needed, and again when the connection was lost.
type link struct {
	config Config
	base   context.Context
	end    context.CancelCauseFunc

	mu      sync.Mutex
	current *connection
}

// connection is one that comes about; conn and err stand when done is closed.
type connection struct {
	done chan struct{}
	conn *http.ClientConn
	err  error
}

func newLink(c Config) *link {
	l := &link{config: c}
	l.base, l.end = context.WithCancelCause(context.Background())
	return l
}

// RoundTrip implements http.RoundTripper. A request that met a connection from
// earlier which is dead, or which the cluster no longer trusts because it was
// built anew, is sent once more over a new one.
func (l *link) RoundTrip(req *http.Request) (*http.Response, error) {
	c, reused, err := l.connection(req.Context())
	if err != nil {
		return nil, err
	}
	resp, err := c.conn.RoundTrip(req)
	refused := err == nil && resp.StatusCode == http.StatusUnauthorized
	lost := err != nil && !c.usable()
	if !reused || req.Context().Err() != nil || !refused && !lost {
		return resp, err
	}
	if resp != nil {
		_ = resp.Body.Close() // the answer to the second request takes its place
	}
	l.forget(c)
	if c, _, err = l.connection(req.Context()); err != nil {
		return nil, err
	}
	again := req.Clone(req.Context())
	if req.GetBody != nil {
		if again.Body, err = req.GetBody(); err != nil {
			return nil, err
		}
	}
	return c.conn.RoundTrip(again)
}

// connection returns the one connection, and whether it stood before.
func (l *link) connection(ctx context.Context) (_ *connection, reused bool, _ error) {
	l.mu.Lock()
	c := l.current
	if c == nil || !c.usable() {
		c = &connection{done: make(chan struct{})}
		l.current = c
		go l.connect(c)
	}
	l.mu.Unlock()
	select {
	case <-c.done:
		return c, true, c.err
	default:
	}
	select {
	case <-c.done:
		return c, false, c.err
	case <-ctx.Done():
		return nil, false, context.Cause(ctx)
	}
}

// connect does not end with the request that wanted it: others wait for it too.
func (l *link) connect(c *connection) {
	defer close(c.done)
	ctx, cancel := context.WithTimeoutCause(l.base, connectLimit, fmt.Errorf("no connection within %s", connectLimit))
	defer cancel()
	c.conn, c.err = l.dial(ctx)
	if c.err != nil && ctx.Err() != nil {
		c.err = context.Cause(ctx)
	}
}

func (l *link) dial(ctx context.Context) (*http.ClientConn, error) {
	data, err := l.config.Kubeconfig(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the server's kubeconfig: %w", err)
	}
	config, err := kubeconfig.Parse(data)
	if err != nil {
		return nil, err
	}
	trust, err := config.TLS()
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{
		DialContext: func(ctx context.Context, _, address string) (net.Conn, error) {
			return l.config.Dialer.Dial(ctx, address)
		},
		TLSClientConfig:   trust,
		ForceAttemptHTTP2: true,
		HTTP2:             &http.HTTP2Config{SendPingTimeout: quietLimit, PingTimeout: quietLimit},
	}
	conn, err := transport.NewClientConn(ctx, "https", address)
	var stranger *tls.CertificateVerificationError
	if errors.As(err, &stranger) {
		return nil, machine.WithHint(fmt.Errorf("the certificate at %s is not of the cluster that the server's kubeconfig names: %w", address, err),
			"restart k3s.service on the server, which writes /etc/rancher/k3s/k3s.yaml anew; look with ss -ltnp whether something else has port 6443")
	}
	return conn, err
}

// usable reports whether the connection may still come about, or did and stands.
func (c *connection) usable() bool {
	select {
	case <-c.done:
		return c.err == nil && c.conn.Err() == nil
	default:
		return true
	}
}

// forget makes the next request connect anew. Requests that are on the old
// connection end with it: they would be refused too.
func (l *link) forget(c *connection) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.current == c {
		l.current = nil
	}
	_ = c.conn.Close() // it is of no use any more, however it ends
}

func (l *link) close() {
	l.end(errClosed)
	l.mu.Lock()
	c := l.current
	l.current = nil
	l.mu.Unlock()
	if c == nil {
		return
	}
	if <-c.done; c.conn != nil {
		_ = c.conn.Close() // nobody waits for it any more
	}
}
