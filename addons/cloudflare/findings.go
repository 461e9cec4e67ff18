package cloudflare

import (
	"context"
	"errors"
	"strconv"

	"github.com/k3sedge/k3sedge/provision/converge"
)

// Finding is something at Cloudflare that does not go with the edge. It is
// told and never changed: zones serve others, too.
type Finding struct{ Text, Hint string }

// Findings looks at the zones' settings that would break the services.
func (r *Run) Findings(ctx context.Context) ([]Finding, error) { return findings(ctx, r.view) }

// checkSettings tells the findings. None of them is a difference: the settings are the user's.
func checkSettings(ctx context.Context, v *view) ([]converge.Change, error) {
	found, err := findings(ctx, v)
	for _, f := range found {
		v.cfg.warn(f.Text, f.Hint)
	}
	return nil, err
}

func findings(ctx context.Context, v *view) ([]Finding, error) {
	if v.cfg.off() || !v.cfg.forwarded() {
		return nil, nil // only then Cloudflare speaks to our Traefik by itself
	}
	var out []Finding
	for _, name := range v.cfg.flare().Zones {
		z, err := v.zone(ctx, name)
		if err != nil {
			return out, err
		}
		mode, err := setting(ctx, v.api, z, "ssl")
		if lacks(err) {
			out = append(out, Finding{"whether Cloudflare speaks TLS to the nodes for " + name + " could not be looked at",
				"add Zone Zone Settings:Read on " + name + " to the token, or see that SSL/TLS encryption is Full (strict)"})
			continue
		}
		if err != nil {
			return out, err
		}
		if f := judgeSSL(name, mode); f != nil {
			out = append(out, *f)
		}
	}
	return out, nil
}

func judgeSSL(zone, mode string) *Finding {
	where := "https://dash.cloudflare.com, " + zone + ", SSL/TLS: choose Full (strict)"
	switch mode {
	case "strict":
		return nil
	case "full":
		return &Finding{strconv.Quote(mode) + " encryption of " + zone + " takes any certificate for the nodes'", where}
	}
	return &Finding{strconv.Quote(mode) + " encryption of " + zone + " speaks plain HTTP to the nodes, which send every request back to HTTPS: browsers go round in a circle", where}
}

// lacks reports that the token may not do it.
func lacks(err error) bool {
	var permission *PermissionError
	return errors.As(err, &permission)
}
