package fakekube

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"

	"github.com/k3sedge/k3sedge/provision/machine"
)

// Server is the stand-in on a loopback address, with HTTP/2, certificates of
// its own, and the login by client certificate of a real API server. As a
// machine.Dialer it is the host whose 127.0.0.1:6443 it is.
type Server struct {
	kube *Kube
	http *httptest.Server

	mu    sync.Mutex
	trust trust
	away  bool
	dials atomic.Int64
}

var _ machine.Dialer = (*Server)(nil)

// Serve starts a server. It has to be closed.
func (k *Kube) Serve() (*Server, error) {
	s := &Server{kube: k}
	if err := s.Rebuild(); err != nil {
		return nil, err
	}
	s.http = httptest.NewUnstartedServer(s)
	s.http.EnableHTTP2 = true
	s.http.Config.ConnContext = func(ctx context.Context, c net.Conn) context.Context { return context.WithValue(ctx, connKey{}, c) }
	s.http.Config.ErrorLog = log.New(io.Discard, "", 0) // clients that go away are part of the tests
	s.http.TLS = &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}, ClientAuth: tls.RequestClientCert,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &s.trusted().server, nil }}
	s.http.StartTLS()
	// StartTLS adds a certificate of its own, which would come first.
	s.http.TLS.Certificates = nil
	return s, nil
}

type connKey struct{}

// Close ends the server and its connections.
func (s *Server) Close() {
	s.http.CloseClientConnections()
	s.http.Close()
}

// Kubeconfig is what K3s would write for the cluster that there is now.
func (s *Server) Kubeconfig() []byte { return s.trusted().kubeconfig }

// Rebuild makes the cluster one with another CA. Connections stay.
func (s *Server) Rebuild() error {
	fresh, err := newTrust()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trust = fresh
	return err
}

// Cut breaks all connections.
func (s *Server) Cut() { s.http.CloseClientConnections() }

// Refuse makes the port refuse connections, or take them again.
func (s *Server) Refuse(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.away = on
}

// Address is where the server really listens.
func (s *Server) Address() string { return s.http.Listener.Addr().String() }

// Dials counts the connections that were opened through Dial.
func (s *Server) Dials() int { return int(s.dials.Load()) }

// Dial implements machine.Dialer.
func (s *Server) Dial(ctx context.Context, address string) (net.Conn, error) {
	s.mu.Lock()
	away := s.away
	s.mu.Unlock()
	if away || address != "127.0.0.1:6443" {
		return nil, &machine.DialError{Address: address, Reason: "Connection refused"}
	}
	s.dials.Add(1)
	var d net.Dialer
	return d.DialContext(ctx, "tcp", s.Address())
}

func (s *Server) trusted() *trust {
	s.mu.Lock()
	defer s.mu.Unlock()
	copied := s.trust
	return &copied
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !s.admits(r.TLS.PeerCertificates) {
		no, err := render(&call{}, nil, &refusal{Code: http.StatusUnauthorized, Reason: "Unauthorized", Message: "Unauthorized"})
		send(w, r, no, err)
		return
	}
	body, err := readBody(r)
	if err != nil {
		return // the client is gone
	}
	answer, err := s.kube.reply(r, body)
	send(w, r, answer, err)
}

// send writes the answer, or cuts the connection where there is none.
func send(w http.ResponseWriter, r *http.Request, answer reply, err error) {
	if err != nil {
		if conn, ok := r.Context().Value(connKey{}).(net.Conn); ok {
			_ = conn.Close() // that is the point
		}
		return
	}
	for key, values := range answer.header {
		w.Header()[key] = values
	}
	w.Header().Set("Content-Length", fmt.Sprint(len(answer.body)))
	w.WriteHeader(answer.code)
	if answer.half {
		answer.body = answer.body[:len(answer.body)/2]
	}
	_, _ = w.Write(answer.body) // a client that is gone needs no answer
}

// admits reports whether the cluster's CA signed the client's certificate.
func (s *Server) admits(chain []*x509.Certificate) bool {
	if len(chain) == 0 {
		return false
	}
	_, err := chain[0].Verify(x509.VerifyOptions{Roots: s.trusted().roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	return err == nil
}
