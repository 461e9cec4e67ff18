package cloudflare

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/k3sedge/k3sedge/provision/machine"
)

// zone is a domain at Cloudflare.
type zone struct {
	ID          string   `json:"id"`
	Name        string   `json:"name"`
	Status      string   `json:"status"`
	NameServers []string `json:"name_servers"`
	Account     struct {
		ID string `json:"id"`
	} `json:"account"`
}

var (
	errNoZone   = errors.New("the token does not see the zone")
	errInactive = errors.New("the zone is not active")
)

// findZone looks a zone up. To a token that may not read it, it does not exist.
func findZone(ctx context.Context, r Reader, name string) (zone, error) {
	needs := "Zone Zone:Read on " + name
	var found []zone
	_, err := r.Read(ctx, Call{Path: "/zones", Query: url.Values{"name": {name}}, Needs: needs}, &found)
	switch {
	case err != nil:
		return zone{}, fmt.Errorf("look for zone %s: %w", name, err)
	case len(found) == 0:
		return zone{}, machine.WithHint(fmt.Errorf("look for zone %s: %w", name, errNoZone),
			"at %s add %s to the token; or edge.cloudflare.zones names a domain that is not at Cloudflare, or at another account", tokensPage, needs)
	case found[0].Status != "active":
		return zone{}, machine.WithHint(fmt.Errorf("zone %s is %q: %w", name, found[0].Status, errInactive),
			"at the registrar of %s set the name servers %s", name, strings.Join(found[0].NameServers, " and "))
	}
	return found[0], nil
}

// setting reads one setting of a zone.
func setting(ctx context.Context, r Reader, z zone, name string) (string, error) {
	var out struct{ Value string }
	_, err := r.Read(ctx, Call{Path: "/zones/" + z.ID + "/settings/" + name, Needs: "Zone Zone Settings:Read on " + z.Name, Account: z.Account.ID}, &out)
	if err != nil {
		return "", fmt.Errorf("read the setting %s of zone %s: %w", name, z.Name, err)
	}
	return out.Value, nil
}
