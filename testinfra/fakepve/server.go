package fakepve

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
)

// Server is the stand-in. It is an http.Handler, and serves itself by Serve.
type Server struct {
	opts   Options
	routes []route
	cert   tls.Certificate
	pin    string

	mu       sync.Mutex // guards the rest
	state    state
	faults   []*Fault
	calls    []Call
	cancels  map[string]context.CancelFunc // of running tasks
	locks    map[string]chan struct{}
	execs    map[int]*program // of guest agents, by PID
	lastExec int

	base  context.Context
	close context.CancelFunc
	tasks sync.WaitGroup
}

// New makes a stand-in of the options and of what an earlier one left in the
// state directory.
func New(o Options) (*Server, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Server{opts: o, routes: routes(), cancels: map[string]context.CancelFunc{}, locks: map[string]chan struct{}{}, execs: map[int]*program{}}
	s.base, s.close = context.WithCancel(context.Background())
	if s.cert, s.pin, err = certificate(o); err != nil {
		return nil, err
	}
	if err := s.loadState(); err != nil {
		return nil, err
	}
	return s, nil
}

// Pin is the SHA-256 of the server's public key as sha256/BASE64. It stays the
// same as long as the state directory does.
func (s *Server) Pin() string { return s.pin }

// Certificate is the certificate that is shown, for a client that pins a CA.
func (s *Server) Certificate() []byte { return s.cert.Certificate[0] }

// Serve answers HTTPS on a plain listener until the context ends.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	srv := &http.Server{
		Handler:           s,
		ReadHeaderTimeout: 30 * time.Second,
		// Proxmox VE speaks HTTP/1.1 only, and a reason phrase exists only there.
		TLSNextProto: map[string]func(*http.Server, *tls.Conn, http.Handler){},
		// A client that refuses our key is what some tests want to see.
		ErrorLog: log.New(io.Discard, "", 0),
	}
	stop := context.AfterFunc(ctx, func() { _ = srv.Close() })
	defer stop()
	err := srv.Serve(tls.NewListener(l, s.tlsConfig()))
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

func (s *Server) tlsConfig() *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{s.cert}, MinVersion: tls.VersionTLS12}
}

// Close ends the running tasks, as a crash of the host would, and waits for
// their goroutines. Machines stay as they are.
func (s *Server) Close() {
	s.close()
	s.tasks.Wait()
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := r.URL.EscapedPath()
	if strings.HasPrefix(path, "/lab/") {
		s.serveLab(w, r)
		return
	}
	api, ok := strings.CutPrefix(path, "/api2/json")
	if !ok {
		bare(http.StatusNotImplemented, "fakepve was not taught "+r.Method+" "+path).write(w, r)
		return
	}
	fault := s.faultFor(r.Method, api)
	if err := fault.wait(r.Context()); err != nil {
		return
	}
	if fault.before(w, r) {
		s.record(r, api, nil, 0)
		return
	}
	c := &call{ctx: r.Context(), srv: s, fault: fault}
	a := s.handle(c, r, api)
	s.record(r, api, c, a.status)
	fault.after(w, r, a)
}

// handle takes a request through authentication, permission, verification and
// work.
func (s *Server) handle(c *call, r *http.Request, path string) answer {
	who, err := s.authenticate(r)
	if err != nil {
		return bare(http.StatusUnauthorized, err.Error())
	}
	c.who = who
	rt, vars, ok := find(s.routes, r.Method, path)
	if !ok {
		return failure(&apiError{status: http.StatusNotImplemented, message: "Method '" + r.Method + " " + path +
			"' not implemented (fakepve was not taught it)"})
	}
	c.vars = vars
	if err := c.decode(r, rt); err != nil {
		return failure(err)
	}
	defer func() { c.upload.discard() }()
	if err := c.admit(rt); err != nil {
		return failure(err)
	}
	data, err := rt.run(c)
	if err != nil {
		return failure(err)
	}
	return success(data)
}

// decode reads the parameters. Only an upload is a multipart form.
func (c *call) decode(r *http.Request, rt route) (err error) {
	if rt.pattern != uploadPattern {
		c.args, err = decodeParams(r)
		return err
	}
	// The right to upload is checked before the file is taken.
	c.args = params{}
	if err := rt.allow(c); err != nil {
		return err
	}
	c.args, c.upload, err = c.srv.receive(r)
	return err
}

// admit checks rights, then the parameters and those parts of the path that
// every route shares, and then what a fault wants to happen before the work.
func (c *call) admit(rt route) error {
	if rt.allow != nil {
		if err := rt.allow(c); err != nil {
			return err
		}
	}
	for name, value := range c.vars {
		if c.args.has(name) && c.args.get(name) != value {
			return invalid(name, "duplicate parameter (already defined in URI) with conflicting values!")
		}
		delete(c.args, name)
	}
	if node, ok := c.vars["node"]; ok && node != c.srv.opts.Node {
		return die("hostname lookup '%s' failed - failed to get address info for: %s: Name or service not known", node, node)
	}
	if id, ok := c.vars["vmid"]; ok && vmidValue(id) != "" {
		return invalid("vmid", vmidValue(id))
	}
	if err := rt.schema.verify(c.args); err != nil {
		return err
	}
	return c.fault.admit(c, rt)
}
