package cloudflare

import (
	"context"
	"errors"
	"strconv"

	"github.com/k3sedge/k3sedge/provision/converge"
)

// finding is something at Cloudflare that does not go with the edge. It is
// told and never changed: zones serve others, too.
type finding struct{ text, hint string }

// checkSettings tells the findings. None of them is a difference: the settings are the user's.
func checkSettings(ctx context.Context, v *view) ([]converge.Change, error) {
	found, err := findings(ctx, v)
	for _, f := range found {
		v.cfg.warn(f.text, f.hint)
	}
	return nil, err
}

// findings are the zones' settings that would break the services.
func findings(ctx context.Context, v *view) ([]finding, error) {
	if v.cfg.off() || !v.cfg.forwarded() {
		return nil, nil // only then Cloudflare speaks to our Traefik by itself
	}
	var out []finding
	for _, name := range v.cfg.flare().Zones {
		z, err := v.zone(ctx, name)
		if err != nil {
			return out, err
		}
		mode, err := setting(ctx, v.api, z, "ssl")
		if lacks(err) {
			out = append(out, finding{"whether Cloudflare speaks TLS to the nodes for " + name + " could not be looked at",
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

func judgeSSL(zone, mode string) *finding {
	where := "https://dash.cloudflare.com, " + zone + ", SSL/TLS: choose Full (strict)"
	switch mode {
	case "strict":
		return nil
	case "full":
		return &finding{strconv.Quote(mode) + " encryption of " + zone + " takes any certificate for the nodes'", where}
	}
	return &finding{strconv.Quote(mode) + " encryption of " + zone + " speaks plain HTTP to the nodes, which send every request back to HTTPS: browsers go round in a circle", where}
}

// lacks reports that the token may not do it.
func lacks(err error) bool {
	var permission *PermissionError
	return errors.As(err, &permission)
}
