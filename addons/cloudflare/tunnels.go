package cloudflare

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"github.com/k3sedge/k3sedge/inventory"
)

// tunnel is a Cloudflare Tunnel.
type tunnel struct {
	ID          string            `json:"id"`
	Name        string            `json:"name"`
	Status      string            `json:"status"`
	Remote      bool              `json:"remote_config"`
	Source      string            `json:"config_src"`
	Connections []json.RawMessage `json:"connections"`
}

// remote reports whether its rules are kept at Cloudflare.
func (t tunnel) remote() bool { return t.Remote || t.Source == "cloudflare" }

// served reports whether anybody is connected.
func (t tunnel) served() bool {
	return len(t.Connections) > 0 || t.Status == "healthy" || t.Status == "degraded"
}

// target is what a name has to lead to for its requests to come by the tunnel.
func target(id string) string { return id + ".cfargotunnel.com" }

const tunnelEdit = "Account Cloudflare Tunnel:Edit"

// tunnels is a call about the tunnels of an account, or about one of them.
func tunnels(account, below string) Call {
	return Call{Path: "/accounts/" + account + "/cfd_tunnel" + below, Needs: tunnelEdit}
}

// findTunnel looks for a tunnel that is not deleted, by its name. There is at
// most one in an account.
func findTunnel(ctx context.Context, r Reader, account, name string) (*tunnel, error) {
	k := tunnels(account, "")
	k.Query = url.Values{"name": {name}, "is_deleted": {"false"}}
	var found []tunnel
	if _, err := r.Read(ctx, k, &found); err != nil {
		return nil, fmt.Errorf("look for tunnel %s: %w", name, err)
	}
	i := slices.IndexFunc(found, func(t tunnel) bool { return t.Name == name })
	if i < 0 {
		return nil, nil
	}
	return &found[i], nil
}

func createTunnel(ctx context.Context, api API, account, name string) error {
	k := tunnels(account, "")
	k.Method, k.Body = http.MethodPost, map[string]string{"name": name, "config_src": "cloudflare"}
	if err := api.Write(ctx, k, nil); err != nil {
		return fmt.Errorf("make tunnel %s: %w", name, err)
	}
	return nil
}

var errNoToken = errors.New("the token of the tunnel is empty")

// tunnelToken is what a connector of the tunnel shows.
func tunnelToken(ctx context.Context, r Reader, account, id string) (inventory.Secret, error) {
	var text string
	_, err := r.Read(ctx, tunnels(account, "/"+id+"/token"), &text)
	if err == nil && text == "" {
		err = errNoToken
	}
	if err != nil {
		return inventory.Secret{}, fmt.Errorf("get the tunnel's token: %w", err)
	}
	return inventory.NewSecret(text), nil
}

// removeTunnel cuts the connections of a tunnel and deletes it. Records that
// lead to it stay; they are another step's.
func removeTunnel(ctx context.Context, api API, account, id string) error {
	for _, below := range []string{"/connections", ""} {
		k := tunnels(account, "/"+id+below)
		k.Method = http.MethodDelete
		if err := api.Write(ctx, k, nil); err != nil && !NotFound(err) {
			return fmt.Errorf("delete tunnel %s: %w", id, err)
		}
	}
	return nil
}

// configuration is what a tunnel does with requests. What is not ours of it is
// kept as it is, fields that we do not know included.
type configuration struct {
	Version int                        `json:"version"`
	Config  map[string]json.RawMessage `json:"config"`
}

func readConfiguration(ctx context.Context, r Reader, account, id string) (configuration, error) {
	var out configuration
	if _, err := r.Read(ctx, tunnels(account, "/"+id+"/configurations"), &out); err != nil {
		return out, fmt.Errorf("read the tunnel's rules: %w", err)
	}
	return out, nil
}

// writeConfiguration replaces the whole document and returns its new version.
func writeConfiguration(ctx context.Context, api API, account, id string, config map[string]json.RawMessage) (int, error) {
	k := tunnels(account, "/"+id+"/configurations")
	k.Method, k.Body = http.MethodPut, map[string]any{"config": config}
	var out configuration
	if err := api.Write(ctx, k, &out); err != nil {
		return 0, fmt.Errorf("write the tunnel's rules: %w", err)
	}
	return out.Version, nil
}
