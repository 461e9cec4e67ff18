package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Getenv, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

// run is the whole program.
func run(ctx context.Context, args []string, env func(string) string, out io.Writer) error {
	logger := log.New(out, "", log.LstdFlags|log.LUTC)
	logger.Printf("this is k3sedge's stand-in for cloudflared, not cloudflared")
	o, err := parse(args, env)
	if err != nil {
		return err
	}
	c := newConnector(o, logger)
	if o.config != "" {
		rules, err := o.local()
		if err != nil {
			return err
		}
		c.token = o.token
		c.setLocal(rules)
	}
	l, err := net.Listen("tcp", o.metrics)
	if err != nil {
		return fmt.Errorf("open the metrics address: %w", err)
	}
	logger.Printf("metrics on %s", l.Addr())
	return serveBoth(ctx, c, l)
}

// serveBoth serves the tunnel and the probes until one of them ends.
func serveBoth(ctx context.Context, c *connector, l net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	probes := &http.Server{Handler: c.metrics(), ReadHeaderTimeout: 10 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = probes.Close() })
	defer stop()
	ended := make(chan error, 2)
	go func() { ended <- c.serve(ctx) }()
	go func() {
		err := probes.Serve(l)
		if errors.Is(err, http.ErrServerClosed) {
			err = nil
		}
		ended <- err
	}()
	err := <-ended
	cancel()
	return errors.Join(err, <-ended)
}
