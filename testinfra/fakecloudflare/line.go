package fakecloudflare

import (
	"bytes"
	"context"
	"crypto/subtle"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/k3sedge/k3sedge/testinfra/fakecloudflare/wire"
)

// line is one connection of a connector.
type line struct {
	id        string
	connector string
	version   string
	from      string
	opened    time.Time
	client    *http.ClientConn // nil for one that is pretended
	news      chan struct{}    // the tunnel's configuration has changed
	conn      net.Conn
}

func (l *line) document() map[string]any {
	return map[string]any{
		"id": l.id, "uuid": l.id, "client_id": l.connector, "client_version": l.version, "colo_name": "lab01",
		"is_pending_reconnect": false, "opened_at": l.opened, "origin_ip": l.from,
	}
}

// update has the connector told, soon.
func (l *line) update() {
	select {
	case l.news <- struct{}{}:
	default: // it will be told anyway
	}
}

func (l *line) close() {
	if l.conn != nil {
		_ = l.conn.Close()
	}
}

// connect adds a line; the caller holds the mutex.
func (s *Server) connect(t *Tunnel, l *line) {
	s.lines[t.ID] = append(s.lines[t.ID], l)
	if t.Since == nil || t.Until != nil {
		at := now()
		t.Since, t.Until = &at, nil
	}
}

// forget removes a line that is gone; the caller holds the mutex.
func (s *Server) forget(t *Tunnel, l *line) {
	before := len(s.lines[t.ID])
	s.lines[t.ID] = slices.DeleteFunc(slices.Clone(s.lines[t.ID]), func(o *line) bool { return o == l })
	if before > 0 && len(s.lines[t.ID]) == 0 {
		at := now()
		t.Until = &at
	}
}

// disconnect cuts all lines of a tunnel; the caller holds the mutex.
func (s *Server) disconnect(t *Tunnel) {
	for _, l := range s.lines[t.ID] {
		l.close()
		s.forget(t, l)
	}
}

// ServeConnectors takes connectors on a plain listener, port 7844 of the real
// edge, until the context ends.
func (s *Server) ServeConnectors(ctx context.Context, l net.Listener) error {
	cert, err := s.opts.CA.Pair(wire.ServerName)
	if err != nil {
		return err
	}
	config := &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
	stop := context.AfterFunc(ctx, func() { _ = l.Close() })
	defer stop()
	var open sync.WaitGroup
	defer open.Wait()
	for {
		conn, err := l.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("accept connector: %w", err)
		}
		open.Go(func() {
			defer conn.Close()
			end := context.AfterFunc(ctx, func() { _ = conn.Close() })
			defer end()
			s.serveLine(tls.Server(conn, config))
		})
	}
}

// serveLine looks after one connection for as long as it lasts.
func (s *Server) serveLine(conn *tls.Conn) {
	watched := wire.Watch(conn)
	l, t, err := s.welcome(watched)
	if err != nil {
		return // a connector that is refused was told why
	}
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.forget(t, l)
	}()
	for {
		select {
		case <-watched.Gone():
			return
		case <-l.news:
			if s.tell(l, t) != nil {
				return
			}
		}
	}
}

// helloTime is how long a connector may take to say who it is.
const helloTime = 10 * time.Second

func (s *Server) welcome(conn *wire.Watched) (*line, *Tunnel, error) {
	if err := conn.SetDeadline(time.Now().Add(helloTime)); err != nil {
		return nil, nil, err
	}
	var hello wire.Hello
	if err := wire.Read(conn, &hello); err != nil {
		return nil, nil, err
	}
	t, refused := s.admitConnector(hello)
	if err := wire.Write(conn, wire.Welcome{Refused: refused, Remote: t != nil && t.remote()}); err != nil {
		return nil, nil, err
	}
	if t == nil {
		return nil, nil, errors.New(refused)
	}
	if err := conn.SetDeadline(time.Time{}); err != nil {
		return nil, nil, err
	}
	client, err := wire.Client(conn)
	if err != nil {
		return nil, nil, err
	}
	from, _, _ := net.SplitHostPort(conn.RemoteAddr().String())
	l := &line{id: newUUID(), connector: hello.Connector, version: hello.Version, from: from, opened: now(), client: client,
		news: make(chan struct{}, 1), conn: conn}
	if err := s.tell(l, t); err != nil { // before anybody's request comes
		return nil, nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if t.Deleted != nil || s.standing(EdgeDown, t.Name) {
		return nil, nil, errGone
	}
	s.connect(t, l)
	return l, t, s.save()
}

// admitConnector checks the secret.
func (s *Server) admitConnector(h wire.Hello) (t *Tunnel, refused string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t = s.tunnelByID(h.Tunnel)
	switch {
	case t == nil || t.Account != h.Account || t.Deleted != nil:
		return nil, "Unauthorized: Tunnel not found"
	case subtle.ConstantTimeCompare(t.Secret, h.Secret) != 1:
		return nil, "Unauthorized: Invalid tunnel secret"
	}
	return t, ""
}

// tell sends the configuration of a remotely managed tunnel, if it has one.
func (s *Server) tell(l *line, t *Tunnel) error {
	s.mu.Lock()
	remote, news := t.remote(), wire.Configuration{Version: t.Version, Config: t.Config}
	s.mu.Unlock()
	if !remote || news.Config == nil {
		return nil
	}
	text, err := json.Marshal(news)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), helloTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, "http://"+wire.ConfigHost+"/", bytes.NewReader(text))
	if err != nil {
		return err
	}
	res, err := l.RoundTrip(req)
	if err != nil {
		return fmt.Errorf("tell connector its configuration: %w", err)
	}
	return res.Body.Close()
}
