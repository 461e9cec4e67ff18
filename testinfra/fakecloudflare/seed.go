package fakecloudflare

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/k3sedge/k3sedge/testinfra/fakecloudflare/ingress"
)

// Records are those of a zone, or of all if zone is "".
func (s *Server) Records(zone string) []Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := []Record{}
	for _, r := range s.state.Records {
		if zone == "" || r.Zone == zone {
			out = append(out, *r)
		}
	}
	return out
}

// AddRecord makes a record as somebody else's hand would, and gives its ID.
// Only Name, Type and Content are needed; the zone is found by the name.
func (s *Server) AddRecord(r Record) (string, error) {
	err := s.change(func() error {
		z := s.zoneOf(r.Name)
		if z == nil {
			return fmt.Errorf("add record %s: no zone for it", r.Name)
		}
		r.ID, r.Zone, r.TTL, r.Created, r.Modified = newID(), z.Name, cmp.Or(r.TTL, 1), now(), now()
		return s.put(r, z)
	})
	return r.ID, err
}

// RemoveRecord deletes a record by hand.
func (s *Server) RemoveRecord(id string) error {
	return s.change(func() error {
		i := slices.IndexFunc(s.state.Records, func(r *Record) bool { return r.ID == id })
		if i < 0 {
			return fmt.Errorf("remove record %s: there is none", id)
		}
		s.drop(id, s.zoneByName(s.state.Records[i].Zone))
		return nil
	})
}

// Tunnels are all, the deleted ones too.
func (s *Server) Tunnels() []Tunnel {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := []Tunnel{}
	for _, t := range s.state.Tunnels {
		out = append(out, *t)
	}
	return out
}

// AddTunnel makes a tunnel by hand, source cloudflare or local, and gives it
// with the token of its connectors.
func (s *Server) AddTunnel(account, name, source string) (Tunnel, string, error) {
	t := Tunnel{ID: newUUID(), Account: account, Name: name, Source: source, Created: now()}
	var err error
	if t.Secret, err = tunnelSecret(""); err != nil {
		return t, "", err
	}
	kept := t
	err = s.change(func() error { return s.addTunnel(&kept) })
	return t, t.token(), err
}

// DeleteTunnel deletes a tunnel by hand, whoever is connected.
func (s *Server) DeleteTunnel(id string) error {
	return s.onTunnel(id, func(t *Tunnel) error {
		s.removeTunnel(t)
		return nil
	})
}

// Configuration is the last one that was written for a tunnel, with its
// version; nil before the first.
func (s *Server) Configuration(id string) (*ingress.Config, int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.tunnelByID(id)
	if t == nil {
		return nil, 0, fmt.Errorf("read configuration of tunnel %s: there is none", id)
	}
	if t.Config == nil {
		return nil, t.Version, nil
	}
	c, err := ingress.Parse(t.Config)
	return &c, t.Version, err
}

// Configure writes a tunnel's configuration as somebody else would.
func (s *Server) Configure(id string, c ingress.Config) error {
	text, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("configure tunnel: %w", err)
	}
	return s.onTunnel(id, func(t *Tunnel) error { return s.configure(t, text) })
}

// PretendConnector gives a tunnel the connections of one connector without
// there being one, until disconnect is called.
func (s *Server) PretendConnector(id string) (disconnect func(), err error) {
	var mine []*line
	connector := newUUID()
	err = s.onTunnel(id, func(t *Tunnel) error {
		for range connectionsWanted {
			l := &line{id: newUUID(), connector: connector, version: "pretended", from: "192.0.2.1", opened: now()}
			mine = append(mine, l)
			s.connect(t, l)
		}
		return nil
	})
	return func() {
		_ = s.onTunnel(id, func(t *Tunnel) error { // a tunnel stays known
			for _, l := range mine {
				s.forget(t, l)
			}
			return nil
		})
	}, err
}

func (s *Server) onTunnel(id string, do func(*Tunnel) error) error {
	return s.change(func() error {
		t := s.tunnelByID(id)
		if t == nil {
			return fmt.Errorf("tunnel %s: there is none", id)
		}
		return do(t)
	})
}

// SetZone changes the status of a zone (active, pending …) and some of its
// settings.
func (s *Server) SetZone(name, status string, values map[string]string) error {
	changed := Zone{Name: name, Status: status, Settings: values}
	if err := changed.complete(); err != nil {
		return err
	}
	return s.change(func() error {
		z := s.zoneByName(name)
		if z == nil {
			return fmt.Errorf("set zone %s: there is none", name)
		}
		z.Status = changed.Status
		for setting, value := range values {
			z.Values[setting] = value
		}
		return nil
	})
}

// Certificates are those that the Origin CA has signed.
func (s *Server) Certificates() []Certificate {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := []Certificate{}
	for _, c := range s.state.Certificates {
		out = append(out, *c)
	}
	return out
}
