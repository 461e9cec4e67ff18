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
}

// Start serves a stand-in for a test. All options have a default: zone
// TestZone in TestAccount, and TestToken, which may do everything.
func Start(t TB, o Options) *Running {
	t.Helper()
	s, err := New(o)
	if err != nil {
		t.Fatalf("start fakecloudflare: %v", err)
	}
	api, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("start fakecloudflare: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.ServeAPI(ctx, api) }()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return &Running{Server: s, URL: "https://" + api.Addr().String() + apiRoot}
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
