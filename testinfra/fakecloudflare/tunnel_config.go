package fakecloudflare

import (
	"encoding/json"
	"net/http"

	"github.com/k3sedge/k3sedge/testinfra/fakecloudflare/ingress"
)

func (t *Tunnel) configuration() map[string]any {
	doc := map[string]any{"tunnel_id": t.ID, "version": t.Version, "config": nil, "source": t.Source, "created_at": t.Created}
	if t.Config != nil {
		doc["config"], doc["created_at"] = t.Config, t.Configured
	}
	return doc
}

func (c *call) getConfiguration() (any, error) {
	t, err := c.living(TunnelRead)
	if err != nil {
		return nil, err
	}
	return t.configuration(), nil
}

// putConfiguration replaces the whole document.
func (c *call) putConfiguration() (any, error) {
	t, err := c.living(TunnelEdit)
	if err != nil {
		return nil, err
	}
	if !t.remote() {
		return nil, notTaught("making a tunnel remotely managed that was created as a local one")
	}
	var body struct {
		Config json.RawMessage `json:"config"`
	}
	if err := c.decode(&body); err != nil {
		return nil, err
	}
	if err := c.srv.configure(t, body.Config); err != nil {
		return nil, err
	}
	return t.configuration(), nil
}

// configure checks a configuration, keeps it and hands it to the connectors.
func (s *Server) configure(t *Tunnel, text json.RawMessage) error {
	if _, err := ingress.Parse(text); err != nil {
		return refuse(http.StatusBadRequest, 1056, "Bad Configuration: Validation failed: %s", err.Error())
	}
	t.Config, t.Configured = text, now()
	t.Version++
	for _, l := range s.lines[t.ID] {
		l.update()
	}
	return nil
}

// meddleWith puts a rule of somebody else before all others.
func (s *Server) meddleWith(t *Tunnel, rule ingress.Rule) error {
	doc := ingress.Config{Ingress: []ingress.Rule{{Service: "http_status:404"}}}
	if t.Config != nil {
		var err error
		if doc, err = ingress.Parse(t.Config); err != nil {
			return err
		}
	}
	doc.Ingress = append([]ingress.Rule{rule}, doc.Ingress...)
	text, err := json.Marshal(doc)
	if err != nil {
		return err
	}
	return s.configure(t, text)
}

// listConnections groups the connections by connector.
func (c *call) listConnections() (any, error) {
	t, err := c.tunnel(TunnelRead)
	if err != nil {
		return nil, err
	}
	connectors := []map[string]any{}
	index := map[string]int{}
	for _, l := range c.srv.lines[t.ID] {
		i, known := index[l.connector]
		if !known {
			i = len(connectors)
			index[l.connector] = i
			connectors = append(connectors, map[string]any{"id": l.connector, "arch": "linux_amd64", "version": l.version,
				"run_at": l.opened, "config_version": t.Version, "conns": []map[string]any{}})
		}
		conns, _ := connectors[i]["conns"].([]map[string]any)
		connectors[i]["conns"] = append(conns, l.document())
	}
	return cut(c, connectors, limits{20, 1, 1000})
}

// deleteConnections cuts the connections. Connectors that still run come back.
func (c *call) deleteConnections() (any, error) {
	t, err := c.tunnel(TunnelEdit)
	if err != nil {
		return nil, err
	}
	c.srv.disconnect(t)
	return nil, nil
}
