package wire

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"sync"
	"time"
)

// onlyHTTP2 is spoken from the first byte on: the connection has its TLS
// already, and both sides know what comes.
func onlyHTTP2() *http.Protocols {
	p := new(http.Protocols)
	p.SetUnencryptedHTTP2(true)
	return p
}

// Client sends HTTP/2 requests, of scheme http, over a connection.
func Client(conn net.Conn) (*http.ClientConn, error) {
	t := &http.Transport{
		Protocols:   onlyHTTP2(),
		DialContext: func(context.Context, string, string) (net.Conn, error) { return conn, nil },
	}
	return t.NewClientConn(context.Background(), "http", "connector.invalid:80")
}

// ErrClosed says that a connection has come to its end.
var ErrClosed = errors.New("the connection is closed")

// Serve answers HTTP/2 requests over a connection until that is closed.
func Serve(conn net.Conn, h http.Handler) error {
	watched := Watch(conn)
	srv := &http.Server{Handler: h, Protocols: onlyHTTP2(), ReadHeaderTimeout: time.Minute}
	err := srv.Serve(&single{conn: watched})
	return errors.Join(err, srv.Close())
}

// single is a listener that has one connection.
type single struct {
	conn  *Watched
	taken bool
}

// Accept gives the connection, and then waits for its end.
func (s *single) Accept() (net.Conn, error) {
	if !s.taken {
		s.taken = true
		return s.conn, nil
	}
	<-s.conn.Gone()
	return nil, ErrClosed
}

// Close implements net.Listener.
func (s *single) Close() error { return s.conn.Close() }

// Addr implements net.Listener.
func (s *single) Addr() net.Addr { return s.conn.LocalAddr() }

// Watched is a connection that says when it is gone.
type Watched struct {
	net.Conn
	once sync.Once
	gone chan struct{}
}

// Watch watches a connection.
func Watch(conn net.Conn) *Watched { return &Watched{Conn: conn, gone: make(chan struct{})} }

// Gone is closed when the connection is.
func (w *Watched) Gone() <-chan struct{} { return w.gone }

// Read implements net.Conn.
func (w *Watched) Read(b []byte) (int, error) {
	n, err := w.Conn.Read(b)
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		w.end()
	}
	return n, err
}

// Close implements net.Conn.
func (w *Watched) Close() error {
	w.end()
	return w.Conn.Close()
}

func (w *Watched) end() { w.once.Do(func() { close(w.gone) }) }
