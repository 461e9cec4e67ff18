package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/sirupsen/logrus"
)

// ErrNoServer is returned while no server takes connections.
var ErrNoServer = errors.New("no server answers")

// dialTimeout is how long one server may take before the next is tried.
const dialTimeout = 3 * time.Second

// Balancer hands connections to 127.0.0.1:6444 on to a server that answers.
type Balancer struct {
	mu      sync.Mutex
	servers []string // host:port; the first is the one named in the settings
	state   string   // file of the list, as K3s keeps it
}

// NewBalancer remembers the servers of an earlier start, so that an agent
// comes up when the server of its settings is down.
func NewBalancer(first, stateFile string) *Balancer {
	b := &Balancer{servers: []string{first}, state: stateFile}
	var old []string
	if content, err := os.ReadFile(stateFile); err == nil && json.Unmarshal(content, &old) == nil {
		b.add(old)
	}
	return b
}

func (b *Balancer) add(servers []string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	before := len(b.servers)
	for _, s := range servers {
		if !slices.Contains(b.servers, s) {
			b.servers = append(b.servers, s)
		}
	}
	return len(b.servers) > before
}

// Learn adds servers that a server has named.
func (b *Balancer) Learn(servers []string) error {
	if !b.add(servers) {
		return nil
	}
	content, err := json.Marshal(b.list())
	if err != nil {
		return fmt.Errorf("write the balancer's servers: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(b.state), 0o700); err != nil {
		return fmt.Errorf("make folder for the balancer: %w", err)
	}
	if err := os.WriteFile(b.state, content, 0o600); err != nil {
		return fmt.Errorf("write the balancer's servers: %w", err)
	}
	return nil
}

func (b *Balancer) list() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.servers)
}

// Serve takes connections until ctx ends.
func (b *Balancer) Serve(ctx context.Context, l net.Listener) error {
	logrus.Infof("Running load balancer k3s-agent-load-balancer %s -> %v", l.Addr(), b.list())
	stop := context.AfterFunc(ctx, func() { _ = l.Close() })
	defer stop()
	for {
		conn, err := l.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("accept: %w", err)
		}
		go b.handle(ctx, conn)
	}
}

func (b *Balancer) handle(ctx context.Context, client net.Conn) {
	defer func() { _ = client.Close() }()
	server, err := b.dial(ctx)
	if err != nil {
		logrus.Debugf("Load balancer: %v", err)
		return
	}
	defer func() { _ = server.Close() }()
	stop := context.AfterFunc(ctx, func() { _, _ = client.Close(), server.Close() })
	defer stop()
	done := make(chan struct{}, 2)
	for _, pair := range [][2]net.Conn{{client, server}, {server, client}} {
		go func() {
			_, _ = io.Copy(pair[0], pair[1]) // either end may go at any time
			done <- struct{}{}
		}()
	}
	<-done
}

func (b *Balancer) dial(ctx context.Context) (net.Conn, error) {
	d := net.Dialer{Timeout: dialTimeout}
	err := ErrNoServer
	for _, s := range b.list() {
		conn, dialErr := d.DialContext(ctx, "tcp", s)
		if dialErr == nil {
			return conn, nil
		}
		err = fmt.Errorf("%w: %w", ErrNoServer, dialErr)
	}
	return nil, err
}
