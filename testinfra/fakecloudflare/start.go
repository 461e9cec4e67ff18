package fakecloudflare

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
)

// TB is what Start needs of a *testing.T or *testing.B.
type TB interface {
	Helper()
	Cleanup(func())
	Fatalf(format string, args ...any)
}

// Running is a stand-in that serves on loopback until its test ends.
type Running struct {
	*Server
	// URL is the API's base, https://127.0.0.1:PORT/client/v4.
	URL string
	// Edge is the address of the edge, the same as the API's.
	Edge string
	// Connectors is where connectors are taken.
	Connectors string
	// DNS is the name server's address, UDP and TCP.
	DNS string
}

// Start serves a stand-in for a test. All options have a default: zone
// TestZone in TestAccount, and TestToken, which may do everything.
func Start(t TB, o Options) *Running {
	t.Helper()
	s, err := New(o)
	if err != nil {
		t.Fatalf("start fakecloudflare: %v", err)
	}
	web, streams, connectors := listen(t), listen(t), listen(t)
	packets, err := net.ListenPacket("udp", streams.Addr().String())
	for tries := 0; err != nil && tries < 20; tries++ { // somebody has that port
		_ = streams.Close()
		streams = listen(t)
		packets, err = net.ListenPacket("udp", streams.Addr().String())
	}
	if err != nil {
		t.Fatalf("start fakecloudflare: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 3)
	go func() { done <- s.ServeHTTPS(ctx, web) }()
	go func() { done <- s.ServeConnectors(ctx, connectors) }()
	go func() { done <- s.ServeDNS(ctx, packets, streams) }()
	t.Cleanup(func() {
		cancel()
		for range cap(done) {
			if err := <-done; err != nil {
				t.Fatalf("fakecloudflare: %v", err)
			}
		}
	})
	return &Running{Server: s, URL: "https://" + web.Addr().String() + apiRoot, Edge: web.Addr().String(),
		DNS: streams.Addr().String(), Connectors: connectors.Addr().String()}
}

func listen(t TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("start fakecloudflare: %v", err)
	}
	return l
}

// CA is the authority that signs what the API and the edge show, in PEM.
func (s *Server) CA() []byte { return s.opts.CA.PEM() }

// Client trusts the stand-in's authority and nothing else.
func (s *Server) Client() *http.Client {
	return &http.Client{Transport: &http.Transport{TLSClientConfig: s.clientTLS()}}
}

func (s *Server) clientTLS() *tls.Config {
	return &tls.Config{RootCAs: s.opts.CA.Pool(), MinVersion: tls.VersionTLS12}
}
