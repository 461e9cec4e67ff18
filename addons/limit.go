package addons

import (
	"fmt"
	"time"

	"github.com/k3sedge/k3sedge/addons/object"
	"github.com/k3sedge/k3sedge/inventory"
)

// The limits that services share. Who is limited differs with the way in:
// rl-lan takes the address of the connection, rl-tunnel the visitor that
// Cloudflare names, rl-forwarded the last address that Cloudflare has written
// to X-Forwarded-For.
//
// On a forwarded port everybody in the LAN has no such address and shares one
// limit. The header that names the visitor would not do there: anybody in the
// LAN can send it, Traefik does not take it away.
const (
	limitLAN       = "rl-lan"
	limitTunnel    = "rl-tunnel"
	limitForwarded = "rl-forwarded"
)

const (
	visitorHeader = "Cf-Connecting-Ip"
	// subnet is what one household or server has of IPv6.
	subnet = 64
)

func byConnection() object.SourceCriterion {
	return object.SourceCriterion{IPStrategy: &object.IPStrategy{IPv6Subnet: subnet}}
}

func byVisitor() object.SourceCriterion {
	return object.SourceCriterion{RequestHeaderName: visitorHeader}
}

func byForwarded() object.SourceCriterion {
	return object.SourceCriterion{IPStrategy: &object.IPStrategy{Depth: 1, IPv6Subnet: subnet}}
}

// sharedLimits are those that the edge's mode needs; none where it is off.
func sharedLimits(e inventory.Edge) (map[string]*object.RateLimit, error) {
	out := map[string]*object.RateLimit{}
	set := func(name string, limit inventory.RateLimit, by object.SourceCriterion) error {
		r, err := rateLimit(limit, by)
		if err == nil && r != nil {
			out[name] = r
		}
		return err
	}
	if err := set(limitLAN, e.RateLimit, byConnection()); err != nil {
		return nil, fmt.Errorf("edge.rateLimit: %w", err)
	}
	switch e.Mode {
	case inventory.EdgeTunnel:
		if err := set(limitTunnel, e.TunnelRateLimit, byVisitor()); err != nil {
			return nil, fmt.Errorf("edge.tunnelRateLimit: %w", err)
		}
	case inventory.EdgePortForward:
		if err := set(limitForwarded, e.RateLimit, byForwarded()); err != nil {
			return nil, fmt.Errorf("edge.rateLimit: %w", err)
		}
	}
	return out, nil
}

// rateLimit is nil for a limit that is off or was left out.
func rateLimit(limit inventory.RateLimit, by object.SourceCriterion) (*object.RateLimit, error) {
	if limit == "" {
		return nil, nil
	}
	r, err := limit.Parse()
	if err != nil || r.Off {
		return nil, err
	}
	period := map[time.Duration]string{time.Second: "1s", time.Minute: "1m", time.Hour: "1h"}[r.Per]
	return &object.RateLimit{Average: int64(r.Average), Period: period, Burst: int64(r.Burst), SourceCriterion: by}, nil
}

// limit puts the service's own limit at the start of the chain, or that of its
// preset, or refers to the shared one.
func (w wanted) limit(c *chain) error {
	limit := w.RateLimit
	if limit == "" && w.edge.RateLimit != inventory.Off {
		limit = presetOf(w.Preset).rateLimit
	}
	if limit == "" {
		return w.sharedLimit(c)
	}
	by := byConnection()
	if w.forwarded() {
		by = byForwarded()
	}
	own, err := rateLimit(limit, by)
	if err != nil || own == nil {
		return err
	}
	c.own(w, rateName, own)
	c.lan = append(c.lan, reference(NamespaceOf(w.Name), rateName))
	if w.tunnelled() {
		visitors := *own
		visitors.SourceCriterion = byVisitor()
		c.own(w, rateTunnelName, &visitors)
		c.tunnel = append(c.tunnel, reference(NamespaceOf(w.Name), rateTunnelName))
	}
	return nil
}

func (c *chain) own(w wanted, name string, limit *object.RateLimit) {
	c.objects = append(c.objects, object.Middleware{Meta: w.meta(name), Spec: object.MiddlewareSpec{RateLimit: limit}})
}

// sharedLimit refers to the shared limits that exist: a route with a reference
// to one that does not would not be served at all.
func (w wanted) sharedLimit(c *chain) error {
	limits, err := sharedLimits(w.edge)
	if err != nil {
		return err
	}
	lan := limitLAN
	if w.forwarded() {
		lan = limitForwarded
	}
	if limits[lan] != nil {
		c.lan = append(c.lan, reference(SystemNamespace, lan))
	}
	if limits[limitTunnel] != nil {
		c.tunnel = append(c.tunnel, reference(SystemNamespace, limitTunnel))
	}
	return nil
}
