package main

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/k3sedge/k3sedge/testinfra/fakecloudflare/ingress"
	"github.com/k3sedge/k3sedge/testinfra/fakecloudflare/wire"
)

const (
	version     = "stand-in"
	connections = 4
	// A connection that is lost is made anew after firstWait, then after twice
	// as long, up to lastWait.
	firstWait, lastWait = 100 * time.Millisecond, 2 * time.Second
	dialTime            = 10 * time.Second
)

// errRefused ends the connector.
var errRefused = errors.New("the edge refuses this connector")

// connector serves a tunnel.
type connector struct {
	edge  string
	token wire.Token
	id    string
	roots *x509.CertPool // nil: the system's
	log   *log.Logger

	mu      sync.Mutex // guards the rest
	ready   int
	local   bool
	config  *ingress.Config
	version int // of the configuration; -1 before the first
}

func newConnector(o options, log *log.Logger) *connector {
	return &connector{edge: o.edge, token: o.token, id: rand.Text(), log: log, version: -1}
}

// serve keeps the connections up until ctx ends or the edge refuses one.
func (c *connector) serve(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var all sync.WaitGroup
	for range connections {
		all.Go(func() { c.keep(ctx, cancel) })
	}
	all.Wait()
	if err := context.Cause(ctx); errors.Is(err, errRefused) {
		return err
	}
	return nil
}

// keep makes one connection again and again.
func (c *connector) keep(ctx context.Context, giveUp context.CancelCauseFunc) {
	wait := firstWait
	for ctx.Err() == nil {
		connected, err := c.line(ctx)
		if errors.Is(err, errRefused) {
			giveUp(err)
			return
		}
		if connected {
			wait = firstWait
		}
		if ctx.Err() == nil {
			c.log.Printf("connection lost, next try in %s: %v", wait, err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
		wait = min(2*wait, lastWait)
	}
}

// line is one connection from its beginning to its end.
func (c *connector) line(ctx context.Context) (connected bool, err error) {
	dialer := tls.Dialer{
		NetDialer: &net.Dialer{Timeout: dialTime},
		Config:    &tls.Config{ServerName: wire.ServerName, RootCAs: c.roots, MinVersion: tls.VersionTLS12},
	}
	conn, err := dialer.DialContext(ctx, "tcp", c.edge)
	if err != nil {
		return false, fmt.Errorf("dial the edge: %w", err)
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	welcome, err := c.greet(conn)
	if err != nil {
		return false, err
	}
	if welcome.Refused != "" {
		return false, fmt.Errorf("%w: %s", errRefused, welcome.Refused)
	}
	c.count(1)
	defer c.count(-1)
	c.log.Printf("registered tunnel connection")
	return true, wire.Serve(conn, c)
}

func (c *connector) greet(conn net.Conn) (wire.Welcome, error) {
	var welcome wire.Welcome
	if err := conn.SetDeadline(time.Now().Add(dialTime)); err != nil {
		return welcome, err
	}
	if err := wire.Write(conn, wire.Hello{Token: c.token, Connector: c.id, Version: version}); err != nil {
		return welcome, err
	}
	if err := wire.Read(conn, &welcome); err != nil {
		return welcome, err
	}
	return welcome, conn.SetDeadline(time.Time{})
}

func (c *connector) count(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ready += n
}

// configure takes a configuration over; an older one is left aside.
func (c *connector) configure(version int, config ingress.Config) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if version >= c.version {
		c.version, c.config = version, &config
	}
}

// setLocal serves the rules of a file.
func (c *connector) setLocal(config ingress.Config) {
	c.local = true
	c.configure(0, config)
}

// takeConfig is what the edge says about the tunnel.
func (c *connector) takeConfig(w http.ResponseWriter, r *http.Request) {
	if c.local {
		http.Error(w, "this tunnel is locally managed", http.StatusConflict)
		return
	}
	var news wire.Configuration
	err := json.NewDecoder(io.LimitReader(r.Body, 1<<20)).Decode(&news)
	if err == nil {
		var config ingress.Config
		if config, err = ingress.Parse(news.Config); err == nil {
			c.configure(news.Version, config)
			c.log.Printf("updated to new configuration, version %d", news.Version)
			return
		}
	}
	c.log.Printf("configuration refused: %v", err)
	http.Error(w, err.Error(), http.StatusBadRequest)
}

// metrics answers for the probes.
func (c *connector) metrics() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthcheck", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "OK\n") })
	mux.HandleFunc("GET /ready", func(w http.ResponseWriter, _ *http.Request) {
		c.mu.Lock()
		defer c.mu.Unlock()
		status := http.StatusOK
		if c.ready == 0 {
			status = http.StatusServiceUnavailable
		}
		answer(w, status, map[string]any{"status": status, "readyConnections": c.ready, "connectorId": c.id})
	})
	mux.HandleFunc("GET /config", func(w http.ResponseWriter, _ *http.Request) {
		c.mu.Lock()
		defer c.mu.Unlock()
		answer(w, http.StatusOK, map[string]any{"version": c.version, "config": c.config})
	})
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		c.mu.Lock()
		defer c.mu.Unlock()
		_, _ = fmt.Fprintf(w, "cloudflared_tunnel_ha_connections %d\n", c.ready)
	})
	return mux
}

func answer(w http.ResponseWriter, status int, doc any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(doc) // who asked has gone
}
