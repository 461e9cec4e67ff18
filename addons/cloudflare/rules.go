package cloudflare

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/k3sedge/k3sedge/addons/traefik"
	"github.com/k3sedge/k3sedge/inventory"
)

// Rule sends the requests of a host to a service.
type Rule struct {
	Hostname      string  `json:"hostname,omitempty"`
	Path          string  `json:"path,omitempty"`
	Service       string  `json:"service"`
	OriginRequest *Origin `json:"originRequest,omitempty"`

	raw json.RawMessage // as it was read
}

// Origin has the settings of a rule that we set. The name of a certificate
// means nothing for plain HTTP on loopback: it is where our mark stands, which
// a rule has no other field for.
type Origin struct {
	OriginServerName string `json:"originServerName,omitempty"`
}

// LocalEntry is where Traefik takes requests from the tunnel.
const LocalEntry = "http://127.0.0.1:"

const catchAll = "http_status:404"

// Rules are those of the services that are public by a tunnel, by their host.
func Rules(c inventory.Cluster, services []inventory.Service) []Rule {
	var out []Rule
	for _, s := range services {
		if tunnelled(c, s) {
			out = append(out, Rule{Hostname: s.Host, Service: LocalEntry + strconv.Itoa(traefik.TunnelPort),
				OriginRequest: &Origin{ruleMark(c.ID, s.Name)}})
		}
	}
	slices.SortFunc(out, func(a, b Rule) int { return cmp.Compare(a.Hostname, b.Hostname) })
	return out
}

// tunnelled reports whether the service is reached by a tunnel of ours.
func tunnelled(c inventory.Cluster, s inventory.Service) bool {
	return c.Edge.OverCloudflare() && s.Expose == inventory.ExposePublic
}

// ruleMark names the service and the cluster of a rule.
func ruleMark(cluster, service string) string {
	return service + "." + strings.ToLower(cluster) + ruleSuffix
}

const ruleSuffix = ".k3sedge.invalid"

// owner is the service of a rule of the cluster's, or "".
func (r Rule) owner(cluster string) string {
	if r.OriginRequest == nil {
		return ""
	}
	service, ours := strings.CutSuffix(r.OriginRequest.OriginServerName, ruleMark(cluster, ""))
	if !ours {
		return ""
	}
	return service
}

// String is the rule as people read it.
func (r Rule) String() string {
	return cmp.Or(r.Hostname, "*") + r.Path + " to " + r.Service
}

// parseRules reads the rules out of a configuration; a new tunnel has none.
func parseRules(config map[string]json.RawMessage) ([]Rule, error) {
	var raws []json.RawMessage
	if text := config["ingress"]; len(text) > 0 {
		if err := json.Unmarshal(text, &raws); err != nil {
			return nil, fmt.Errorf("read the tunnel's rules: %w", err)
		}
	}
	out := make([]Rule, len(raws))
	for i, raw := range raws {
		if err := json.Unmarshal(raw, &out[i]); err != nil {
			return nil, fmt.Errorf("read rule %d of the tunnel: %w", i+1, err)
		}
		out[i].raw = raw
	}
	return out, nil
}

// shadows reports whether the rule takes requests of hosts that it does not name.
func (r Rule) shadows() bool { return r.Hostname == "" || strings.HasPrefix(r.Hostname, "*") }

// last reports whether the rule takes whatever has come so far.
func (r Rule) last() bool { return (r.Hostname == "" || r.Hostname == "*") && r.Path == "" }

// as reports whether the rule has nothing but what another one wants.
func (r Rule) as(o Rule) bool {
	var fields struct {
		OriginRequest map[string]any `json:"originRequest"`
	}
	if json.Unmarshal(r.raw, &fields) != nil || len(fields.OriginRequest) > 1 {
		return false
	}
	return r.Hostname == o.Hostname && r.Path == "" && r.Service == o.Service &&
		r.OriginRequest != nil && *r.OriginRequest == *o.OriginRequest
}

// place puts ours before the first rule that would take their requests. The
// others stay as they are, in their order; the last one takes all the rest.
func place(others, ours []Rule) []Rule {
	at := slices.IndexFunc(others, Rule.shadows)
	if at < 0 {
		at = len(others)
	}
	out := slices.Concat(others[:at], ours, others[at:])
	if n := len(out); n == 0 || !out[n-1].last() {
		out = append(out, Rule{Service: catchAll})
	}
	return out
}

// document is the list of rules as it is written.
func document(rules []Rule) (json.RawMessage, error) {
	raws := make([]json.RawMessage, len(rules))
	for i, r := range rules {
		raws[i] = r.raw
		if r.raw == nil {
			text, err := json.Marshal(r)
			if err != nil {
				return nil, fmt.Errorf("write the rule %s: %w", r, err)
			}
			raws[i] = text
		}
	}
	return json.Marshal(raws)
}
