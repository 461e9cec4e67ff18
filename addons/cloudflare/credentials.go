package cloudflare

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"

	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/machine"
)

// Connector is what cloudflared needs to serve the tunnel: a token, or with
// local management the credentials.
type Connector struct {
	Tunnel             string // its ID
	Token, Credentials inventory.Secret
}

var (
	errCredentials = errors.New("not the credentials of a tunnel")
	tunnelIDForm   = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)
)

// parseCredentials reads the ID out of what `cloudflared tunnel create` wrote.
// An error quotes nothing of it.
func parseCredentials(secret inventory.Secret) (string, error) {
	var doc struct{ AccountTag, TunnelSecret, TunnelID string }
	if err := json.Unmarshal([]byte(secret.Reveal()), &doc); err != nil || doc.AccountTag == "" || doc.TunnelSecret == "" || !tunnelIDForm.MatchString(doc.TunnelID) {
		return "", machine.WithHint(fmt.Errorf("edge.tunnel.credentials: %w", errCredentials),
			"name the JSON file that `cloudflared tunnel create` has written to ~/.cloudflared")
	}
	return doc.TunnelID, nil
}

func (v *view) credentials(ctx context.Context) (Connector, error) {
	ref := v.cfg.Cluster.Edge.Tunnel.Credentials
	if ref == nil || v.cfg.Secrets == nil {
		return Connector{}, fmt.Errorf("edge.tunnel.credentials: %w", errCredentials)
	}
	secret, err := v.cfg.Secrets(ctx, *ref)
	if err != nil {
		return Connector{}, fmt.Errorf("edge.tunnel.credentials: %w", err)
	}
	id, err := parseCredentials(secret)
	return Connector{Tunnel: id, Credentials: secret}, err
}

// tunnelID is that of the tunnel, or "" while there is none.
func (v *view) tunnelID(ctx context.Context) (string, error) {
	if v.cfg.local() {
		c, err := v.credentials(ctx)
		return c.Tunnel, err
	}
	t, err := v.theTunnel(ctx)
	if err != nil || t == nil {
		return "", err
	}
	return t.ID, nil
}

// connector is what cloudflared needs; of a tunnel that is not there, nothing.
func (v *view) connector(ctx context.Context) (Connector, error) {
	if v.cfg.local() {
		return v.credentials(ctx)
	}
	t, err := v.theTunnel(ctx)
	if err != nil || t == nil {
		return Connector{}, err
	}
	token, err := v.theToken(ctx, t)
	return Connector{Tunnel: t.ID, Token: token}, err
}
