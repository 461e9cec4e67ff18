package fakecloudflare

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/k3sedge/k3sedge/testinfra/fakecloudflare/wire"
)

// Tunnel is a Cloudflare Tunnel.
type Tunnel struct {
	ID      string `json:"id"`
	Account string `json:"account"`
	Name    string `json:"name"`
	// Source is cloudflare (remotely managed) or local.
	Source  string     `json:"source"`
	Secret  []byte     `json:"secret"`
	Created time.Time  `json:"created"`
	Deleted *time.Time `json:"deleted,omitempty"`
	// Version counts the configurations that were written; Config is the last.
	Version    int             `json:"version"`
	Config     json.RawMessage `json:"config,omitempty"`
	Configured time.Time       `json:"configured"`
	// Since is when the tunnel was last connected, Until when it ceased to be.
	Since *time.Time `json:"since,omitempty"`
	Until *time.Time `json:"until,omitempty"`
}

// token is what a connector needs.
func (t *Tunnel) token() string {
	return wire.Token{Account: t.Account, Tunnel: t.ID, Secret: t.Secret}.Encode()
}

func (t *Tunnel) remote() bool { return t.Source == "cloudflare" }

// connectionsWanted is how many a connector opens.
const connectionsWanted = 4

// status is what Cloudflare makes of the connections.
func (s *Server) status(t *Tunnel) string {
	switch n := len(s.lines[t.ID]); {
	case n == 0 && t.Since == nil:
		return "inactive"
	case n == 0:
		return "down"
	case n < connectionsWanted:
		return "degraded"
	}
	return "healthy"
}

func (s *Server) document(t *Tunnel) map[string]any {
	connections := []map[string]any{}
	for _, l := range s.lines[t.ID] {
		connections = append(connections, l.document())
	}
	return map[string]any{
		"id": t.ID, "account_tag": t.Account, "name": t.Name, "created_at": t.Created, "deleted_at": t.Deleted,
		"config_src": t.Source, "remote_config": t.remote(), "tun_type": "cfd_tunnel", "status": s.status(t),
		"connections": connections, "conns_active_at": t.Since, "conns_inactive_at": t.Until, "metadata": map[string]any{},
	}
}

func tunnelRoutes() []route {
	list := []string{"name", "is_deleted", "uuid", "status", "page", "per_page"}
	const one = "/accounts/{account}/cfd_tunnel/{tunnel}"
	return []route{
		{"GET", "/accounts/{account}/cfd_tunnel", list, false, (*call).listTunnels},
		{"POST", "/accounts/{account}/cfd_tunnel", nil, false, (*call).postTunnel},
		{"GET", one, nil, false, (*call).getTunnel},
		{"DELETE", one, nil, false, (*call).deleteTunnel},
		{"GET", one + "/token", nil, false, (*call).getTunnelToken},
		{"GET", one + "/configurations", nil, false, (*call).getConfiguration},
		{"PUT", one + "/configurations", nil, false, (*call).putConfiguration},
		{"GET", one + "/connections", nil, false, (*call).listConnections},
		{"DELETE", one + "/connections", nil, false, (*call).deleteConnections},
	}
}

// account is that of the path, if the token has a permission on it.
func (c *call) account(p Permission) (string, error) {
	id := c.vars["account"]
	if !hexID.MatchString(id) {
		return "", refuse(http.StatusNotFound, 7003, "Could not route to %s%s, perhaps your object identifier is invalid?", apiRoot, c.path)
	}
	ours := slices.ContainsFunc(c.srv.state.Zones, func(z *zone) bool { return z.Account == id })
	if !ours || !c.who.may(p, id) {
		return "", denied()
	}
	return id, nil
}

func (c *call) listTunnels() (any, error) {
	account, err := c.account(TunnelRead)
	if err != nil {
		return nil, err
	}
	found := []map[string]any{}
	for _, t := range c.srv.state.Tunnels {
		deleted := strconv.FormatBool(t.Deleted != nil)
		if t.Account == account && c.fits("name", t.Name) && c.fits("uuid", t.ID) && c.fits("is_deleted", deleted) && c.fits("status", c.srv.status(t)) {
			found = append(found, c.srv.document(t))
		}
	}
	return cut(c, found, limits{20, 1, 1000})
}

func (c *call) postTunnel() (any, error) {
	account, err := c.account(TunnelEdit)
	if err != nil {
		return nil, err
	}
	var body struct {
		Name   string `json:"name"`
		Source string `json:"config_src"`
		Secret string `json:"tunnel_secret"`
	}
	if err := c.decode(&body); err != nil {
		return nil, err
	}
	t := Tunnel{ID: newUUID(), Account: account, Name: body.Name, Source: body.Source, Created: now()}
	if t.Secret, err = tunnelSecret(body.Secret); err != nil {
		return nil, err
	}
	if err := c.srv.addTunnel(&t); err != nil {
		return nil, err
	}
	doc := c.srv.document(&t)
	doc["token"] = t.token()
	doc["credentials_file"] = map[string]string{"AccountTag": t.Account, "TunnelID": t.ID, "TunnelName": t.Name,
		"TunnelSecret": base64.StdEncoding.EncodeToString(t.Secret)}
	return doc, nil
}

// tunnelSecret reads the secret that a client has chosen, or chooses one.
func tunnelSecret(text string) ([]byte, error) {
	if text == "" {
		secret := make([]byte, 32)
		_, _ = rand.Read(secret) // never fails
		return secret, nil
	}
	secret, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(secret) < 32 {
		return nil, refuse(http.StatusBadRequest, 1001, "tunnel secret must be at least 32 bytes, encoded as a base64 string")
	}
	return secret, nil
}

func (s *Server) addTunnel(t *Tunnel) error {
	if t.Name == "" {
		return refuse(http.StatusBadRequest, 1002, "A tunnel name is required")
	}
	if t.Source == "" {
		t.Source = "local"
	}
	if t.Source != "local" && t.Source != "cloudflare" {
		return refuse(http.StatusBadRequest, 1001, "config_src must be one of [local cloudflare]")
	}
	for _, o := range s.state.Tunnels {
		if o.Account == t.Account && o.Name == t.Name && o.Deleted == nil {
			return refuse(http.StatusConflict, 1013, "You already have a tunnel with this name.")
		}
	}
	s.state.Tunnels = append(s.state.Tunnels, t)
	return nil
}

// tunnel is that of the path.
func (c *call) tunnel(p Permission) (*Tunnel, error) {
	account, err := c.account(p)
	if err != nil {
		return nil, err
	}
	if t := c.srv.tunnelByID(c.vars["tunnel"]); t != nil && t.Account == account {
		return t, nil
	}
	return nil, refuse(http.StatusNotFound, 1003, "Tunnel not found")
}

// living is one that was not deleted.
func (c *call) living(p Permission) (*Tunnel, error) {
	t, err := c.tunnel(p)
	if err == nil && t.Deleted != nil {
		return nil, refuse(http.StatusNotFound, 1003, "Tunnel not found")
	}
	return t, err
}

func (s *Server) tunnelByID(id string) *Tunnel {
	i := slices.IndexFunc(s.state.Tunnels, func(t *Tunnel) bool { return t.ID == id })
	if i < 0 {
		return nil
	}
	return s.state.Tunnels[i]
}

// getTunnel shows deleted ones too, as Cloudflare does.
func (c *call) getTunnel() (any, error) {
	t, err := c.tunnel(TunnelRead)
	if err != nil {
		return nil, err
	}
	return c.srv.document(t), nil
}

func (c *call) deleteTunnel() (any, error) {
	t, err := c.living(TunnelEdit)
	if err != nil {
		return nil, err
	}
	if len(c.srv.lines[t.ID]) > 0 {
		return nil, refuse(http.StatusBadRequest, 1022, "Cannot delete tunnel because it has active connections")
	}
	c.srv.removeTunnel(t)
	return c.srv.document(t), nil
}

func (s *Server) removeTunnel(t *Tunnel) {
	s.disconnect(t)
	at := now()
	t.Deleted = &at
}

func (c *call) getTunnelToken() (any, error) {
	t, err := c.living(TunnelEdit)
	if err != nil {
		return nil, err
	}
	return t.token(), nil
}
