//go:build linux

package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
)

// BackendPort is where the off-cluster web servers of the LAN listen.
const BackendPort = "3000"

// backendIPs are the web servers' addresses.
func backendIPs() []string { return []string{BackendIP, SecondBackendIP} }

// serveBackends is the web servers that stand beside the cluster until ctx
// ends: each tells what it was asked, by whom, and which server it is.
func serveBackends(ctx context.Context) error {
	ended := make(chan error, len(backendIPs()))
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	started := 0
	var errs []error
	for _, ip := range backendIPs() {
		listener, err := net.Listen("tcp4", net.JoinHostPort(ip, BackendPort))
		if err != nil {
			errs = append(errs, fmt.Errorf("open an off-cluster web server's port: %w", err))
			cancel()
			break
		}
		started++
		go func() { ended <- serveHTTP(ctx, listener, backendHandler(ip)) }()
	}
	for range started {
		errs = append(errs, <-ended)
		cancel()
	}
	return errors.Join(errs...)
}

// seen is what a web server tells of a request.
type seen struct {
	Server  string            `json:"server"`
	Host    string            `json:"host"`
	Path    string            `json:"path"`
	From    string            `json:"from"`
	Headers map[string]string `json:"headers"`
}

func backendHandler(ip string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		told := seen{Server: ip, Host: r.Host, Path: r.URL.Path, From: r.RemoteAddr, Headers: map[string]string{}}
		for name, values := range r.Header {
			told.Headers[name] = strings.Join(values, ", ")
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("X-Powered-By", "the lab's off-cluster server")
		_ = json.NewEncoder(w).Encode(told) // who went away needs no answer
	})
	return mux
}
