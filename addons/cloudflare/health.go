package cloudflare

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Health is how the tunnel stands, as Cloudflare sees it.
type Health struct {
	Name string `json:"name"`
	ID   string `json:"id,omitempty"`
	// Status is inactive (never connected), degraded, healthy or down; absent
	// where there is no such tunnel, Unknown where it may not be looked at.
	Status     string          `json:"status"`
	Reason     string          `json:"reason,omitempty"` // why it is unknown
	Version    int             `json:"version"`          // of its rules
	Connectors []ConnectorInfo `json:"connectors"`
}

// ConnectorInfo is one cloudflared that serves the tunnel.
type ConnectorInfo struct {
	ID      string    `json:"id"`
	Version string    `json:"version"` // of cloudflared
	Since   time.Time `json:"since"`
	Origin  string    `json:"origin"` // the address that Cloudflare sees
	Places  []string  `json:"places"` // Cloudflare's, one for each connection
	// Rules is the version of the rules that it goes by.
	Rules int `json:"rules"`
}

// Unknown is a tunnel that the token need not be allowed to see: one with local
// management.
const Unknown = "unknown"

// Good reports whether requests come through.
func (h Health) Good() bool { return h.Status == "healthy" }

// Hint says what to look at where it is not good.
func (h Health) Hint() string {
	switch {
	case h.Good():
		return ""
	case h.Status == absent:
		return "k3sedge up makes the tunnel"
	case h.Status == Unknown:
		return "to have it shown, add Account Cloudflare Tunnel:Read to the token at " + tokensPage
	case h.Status == "degraded":
		return "some connections are missing; the nodes need to reach Cloudflare on port 7844, TCP and UDP"
	}
	return "no cloudflared is connected: k3sedge up brings it, and the nodes need to reach Cloudflare on port 7844, TCP or UDP"
}

// Health asks how the tunnel stands. In another mode than tunnel there is none.
func (r *Run) Health(ctx context.Context) (*Health, error) {
	v := r.view
	if v.cfg.off() || !v.cfg.Cluster.Edge.OverCloudflare() {
		return nil, nil
	}
	out := &Health{Name: v.cfg.Cluster.Edge.Tunnel.Name, Status: absent}
	err := v.health(ctx, out)
	if lacking := new(PermissionError); v.cfg.local() && errors.As(err, &lacking) && lacking.Needs == tunnelEdit {
		out.Status, out.Reason, err = Unknown, "the token may not look at tunnels", nil
	}
	if err != nil {
		return nil, again(err)
	}
	return out, nil
}

func (v *view) health(ctx context.Context, out *Health) error {
	account, err := v.account(ctx)
	if err != nil {
		return err
	}
	if out.ID, err = v.tunnelID(ctx); err != nil || out.ID == "" {
		return err
	}
	var t tunnel
	_, err = v.api.Read(ctx, tunnels(account, "/"+out.ID), &t)
	if err != nil {
		return fmt.Errorf("ask for the tunnel %s: %w", out.Name, err)
	}
	out.Status = t.Status
	if v.cfg.remote() {
		set, err := v.theRules(ctx)
		if err != nil {
			return err
		}
		out.Version = set.Version
	}
	out.Connectors, err = connectors(ctx, v.api, account, out.ID)
	return err
}

func connectors(ctx context.Context, r Reader, account, id string) ([]ConnectorInfo, error) {
	var found []struct {
		ID      string    `json:"id"`
		Version string    `json:"version"`
		RunAt   time.Time `json:"run_at"`
		Rules   int       `json:"config_version"`
		Conns   []struct {
			Colo   string `json:"colo_name"`
			Origin string `json:"origin_ip"`
		} `json:"conns"`
	}
	if _, err := r.Read(ctx, tunnels(account, "/"+id+"/connections"), &found); err != nil {
		return nil, fmt.Errorf("ask who serves the tunnel: %w", err)
	}
	var out []ConnectorInfo
	for _, f := range found {
		c := ConnectorInfo{ID: f.ID, Version: f.Version, Since: f.RunAt, Rules: f.Rules}
		for _, conn := range f.Conns {
			c.Places, c.Origin = append(c.Places, conn.Colo), conn.Origin
		}
		slices.Sort(c.Places)
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b ConnectorInfo) int { return strings.Compare(a.ID, b.ID) })
	return out, nil
}
