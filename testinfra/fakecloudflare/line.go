package fakecloudflare

import (
	"slices"
	"time"
)

// line is one connection of a connector.
type line struct {
	id        string
	connector string
	version   string
	from      string
	opened    time.Time
	update    func() // tells the connector the tunnel's configuration
	close     func()
}

func (l *line) document() map[string]any {
	return map[string]any{
		"id": l.id, "uuid": l.id, "client_id": l.connector, "client_version": l.version, "colo_name": "lab01",
		"is_pending_reconnect": false, "opened_at": l.opened, "origin_ip": l.from,
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
	s.lines[t.ID] = slices.DeleteFunc(s.lines[t.ID], func(o *line) bool { return o == l })
	if before > 0 && len(s.lines[t.ID]) == 0 {
		at := now()
		t.Until = &at
	}
}

// disconnect cuts all lines of a tunnel; the caller holds the mutex.
func (s *Server) disconnect(t *Tunnel) {
	for _, l := range slices.Clone(s.lines[t.ID]) {
		l.close()
		s.forget(t, l)
	}
}
