package fakecloudflare

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/k3sedge/k3sedge/testinfra/ca"
)

const apiRoot = "/client/v4"

// APIHost is where Cloudflare's API is.
const APIHost = "api.cloudflare.com"

// Server is the stand-in. It is an http.Handler for the API.
type Server struct {
	opts   Options
	routes []route
	origin *ca.CA // of Origin CA certificates

	mu     sync.Mutex // guards the rest
	state  state
	tokens []Token
	faults []*Fault
	calls  []Call
	spent  map[string]budget
	lines  map[string][]*line // open connections of the tunnels, by ID
	faces  faces
}

// New makes a stand-in of the options and of what an earlier one left.
func New(o Options) (*Server, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Server{opts: o, routes: routes(), tokens: o.Tokens, spent: map[string]budget{}, lines: map[string][]*line{}}
	s.faces = faces{ca: o.CA, made: map[string]*tls.Certificate{}, allow: s.namesFor}
	if err := s.load(o.State); err != nil {
		return nil, err
	}
	return s, nil
}

// ServeHTTPS is port 443, on a plain listener, until the context ends: the API
// for who asks for [APIHost] or for no name, and the edge.
func (s *Server) ServeHTTPS(ctx context.Context, l net.Listener) error {
	config := &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.faces.certificate(hello)
	}}
	return serveHTTP(ctx, tls.NewListener(l, config), http.HandlerFunc(s.serveWeb))
}

func serveHTTP(ctx context.Context, l net.Listener, h http.Handler) error {
	srv := &http.Server{
		Handler: h, ReadHeaderTimeout: 30 * time.Second,
		// Half an answer can be sent by HTTP/1.1 only.
		TLSNextProto: map[string]func(*http.Server, *tls.Conn, http.Handler){},
		// A client that does not trust us is what some tests want to see.
		ErrorLog: log.New(io.Discard, "", 0),
	}
	stop := context.AfterFunc(ctx, func() { _ = srv.Close() })
	defer stop()
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path, ok := strings.CutPrefix(r.URL.EscapedPath(), apiRoot)
	if !ok {
		path = r.URL.EscapedPath()
	}
	fault := s.faultFor(r.Method, path)
	if err := fault.wait(r.Context()); err != nil {
		return
	}
	c := &call{srv: s, request: r, path: path, fault: fault}
	a := fault.instead()
	switch {
	case !ok:
		a = failure(notTaught("%s %s", r.Method, path))
	case fault.is(Reset):
	case a.status == 0:
		a = s.handle(c)
	}
	s.record(c, a.status)
	fault.send(w, r, a)
}

// handle takes a request through its rights to its work. Requests are worked
// on one after the other.
func (s *Server) handle(c *call) answer {
	if err := c.read(); err != nil {
		return failure(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	rt, err := c.admit()
	if err != nil {
		return failure(err)
	}
	c.fault.meddle(c)
	result, err := rt.run(c)
	if err == nil && c.writes() {
		err = s.save()
	}
	if err != nil {
		return failure(err)
	}
	c.fault.meddleAfter(c)
	return success(result)
}
