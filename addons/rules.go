package addons

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/k3sedge/k3sedge/addons/object"
	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/machine"
)

// RuleError is a rule that would be broken. The API server would have let it pass.
type RuleError struct {
	Service string // "" where it is about all
	Message string
}

// Error gives the service and what is wrong.
func (e *RuleError) Error() string {
	if e.Service == "" {
		return e.Message
	}
	return "service " + e.Service + ": " + e.Message
}

func broken(service, hint, format string, args ...any) error {
	return machine.WithHint(&RuleError{service, fmt.Sprintf(format, args...)}, "%s", hint)
}

// judge holds what is wanted against everything that is there, and returns all
// that is wrong.
func (v *view) judge(ctx context.Context, wants []want, seen *snapshot) error {
	if v.cfg.Only != "" && len(v.cfg.chosen()) == 0 {
		return nil // what only goes away meets nobody's route
	}
	taken, err := v.otherRoutes(seen)
	if err != nil {
		return err
	}
	errs := []error{v.traefik(ctx), frozen(wants, seen), twoDefaults(wants, seen), v.competing(wants, seen), strangers(wants, seen), collisions(wants, seen)}
	ids := middlewareIDs(wants, seen)
	for _, s := range v.cfg.chosen() {
		errs = append(errs, v.conflicts(s, taken), references(s, ids), v.notCloudflare(s))
	}
	return errors.Join(errs...)
}

// otherRoutes are all that do not come from the folder. What left it counts
// too, for as long as it is not this run that takes it away.
func (v *view) otherRoutes(seen *snapshot) ([]route, error) {
	var out []route
	for _, kind := range []object.Kind{object.Ingress{}.Kind(), ingressRoute(), object.IngressRouteTCP{}.Kind(), httpRoute()} {
		for _, it := range seen.items[kind.Name] {
			owner := it.meta.Labels[object.ForService]
			inFolder := slices.ContainsFunc(v.cfg.Services, func(s inventory.Service) bool { return s.Name == owner })
			if it.ours() && (inFolder || v.cfg.Only == "" || v.cfg.Only == owner) {
				continue
			}
			rs, err := routes(it)
			if err != nil {
				return nil, err
			}
			out = append(out, rs...)
		}
	}
	return out, nil
}

// conflicts finds who else answers for the service's host. Traefik takes one
// of two equal rules, another one after each change, and says nothing. What is
// handed over unopened would take the place of any route for HTTP.
func (v *view) conflicts(s inventory.Service, taken []route) error {
	entries := []string{entryLAN}
	if (wanted{Service: s, edge: *v.edge()}).tunnelled() {
		entries = append(entries, entryTunnel)
	}
	var errs []error
	told := map[string]bool{}
	for _, r := range taken {
		if told[r.where] || r.part && !s.Passthrough || !r.on(entries) || !r.takes(s.Host) {
			continue
		}
		told[r.where] = true
		why := "Traefik would send requests to either"
		switch {
		case r.tcp && !s.Passthrough:
			why = "which goes before every route for HTTP"
		case !r.tcp && s.Passthrough:
			why = "which passthrough would go before, so that nobody came to it any more"
		}
		errs = append(errs, broken(s.Name, "choose another host, or delete the other route; if it is an older one of k3sedge, k3sedge up takes it away",
			"host %s is already served by %s, %s", s.Host, r.where, why))
	}
	return errors.Join(errs...)
}

func (v *view) edge() *inventory.Edge { return v.cfg.edge() }

func (c Config) edge() *inventory.Edge {
	if c.Cluster.Edge == nil {
		return &inventory.Edge{}
	}
	return c.Cluster.Edge
}
