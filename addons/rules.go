package addons

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/k3sedge/k3sedge/addons/object"
	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/cluster"
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
	taken, err := v.otherRoutes(seen)
	if err != nil {
		return err
	}
	errs := []error{v.safeNaming(ctx), frozen(wants, seen), strangers(wants, seen), collisions(wants, seen)}
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
	for _, kind := range []object.Kind{object.Ingress{}.Kind(), ingressRoute(), ingressRouteTCP(), httpRoute()} {
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
// of two equal rules, another one after each change, and says nothing.
func (v *view) conflicts(s inventory.Service, taken []route) error {
	entries := []string{entryLAN}
	if (wanted{Service: s, edge: *v.edge()}).tunnelled() {
		entries = append(entries, entryTunnel)
	}
	var errs []error
	for _, r := range taken {
		if !r.on(entries) || !r.takes(s.Host) {
			continue
		}
		why := "Traefik would send requests to either"
		if r.tcp {
			why = "which goes before every route for HTTP"
		}
		errs = append(errs, broken(s.Name, "choose another host, or delete the other route; if it is an older one of k3sedge, k3sedge up takes it away",
			"host %s is already served by %s, %s", s.Host, r.where, why))
	}
	return errors.Join(errs...)
}

func (v *view) edge() *inventory.Edge {
	if v.cfg.Cluster.Edge == nil {
		return &inventory.Edge{}
	}
	return v.cfg.Cluster.Edge
}

// middlewareID is the name by which Traefik knows a Middleware.
func middlewareID(namespace, name string) string {
	return strings.ReplaceAll(reference(namespace, name), ".", "-")
}

// middlewareIDs are those of all that are there or will be, with their objects.
func middlewareIDs(wants []want, seen *snapshot) map[string][]string {
	out := map[string]map[string]bool{}
	add := func(namespace, name string) {
		id := middlewareID(namespace, name)
		if out[id] == nil {
			out[id] = map[string]bool{}
		}
		out[id][namespace+"/"+name] = true
	}
	for _, it := range seen.items[object.Middleware{}.Kind().Name] {
		add(it.meta.Namespace, it.meta.Name)
	}
	for _, w := range wants {
		if m := object.MetaOf(w.object); w.object.Kind().Name == (object.Middleware{}).Kind().Name {
			add(m.Namespace, m.Name)
		}
	}
	sorted := map[string][]string{}
	for id, objects := range out {
		sorted[id] = slices.Sorted(maps.Keys(objects))
	}
	return sorted
}

// collisions finds Middlewares of others that Traefik would take for ours.
func collisions(wants []want, seen *snapshot) error {
	ids := middlewareIDs(wants, seen)
	var errs []error
	for _, w := range wants {
		m := object.MetaOf(w.object)
		objects := ids[middlewareID(m.Namespace, m.Name)]
		if w.object.Kind().Name == (object.Middleware{}).Kind().Name && len(objects) > 1 {
			errs = append(errs, broken(w.owner, "rename the service, or the other Middleware",
				"Traefik does not tell the Middlewares %s apart, because namespace and name are joined by a dash", strings.Join(objects, " and ")))
		}
	}
	return errors.Join(errs...)
}

// references finds middlewares that are not there, by which Traefik would drop
// the whole route.
func references(s inventory.Service, ids map[string][]string) error {
	var errs []error
	for _, m := range s.Middlewares {
		switch objects := ids[m]; {
		case len(objects) == 0:
			hint := "create the Middleware first, or take it out of middlewares"
			if near := inventory.Nearest(m, slices.Sorted(maps.Keys(ids))); near != "" {
				hint = fmt.Sprintf("did you mean %q?", near)
			}
			errs = append(errs, broken(s.Name, hint, "the middleware %s is not in the cluster, so that the host would answer 404", m))
		case len(objects) > 1:
			errs = append(errs, broken(s.Name, "rename one of the two", "the middleware %s could be %s", m, strings.Join(objects, " or ")))
		}
	}
	return errors.Join(errs...)
}

// strangers finds namespaces of our names that are not ours.
func strangers(wants []want, seen *snapshot) error {
	var errs []error
	for _, w := range wants {
		live, ok := seen.paths[w.send.Path]
		if !w.object.Kind().Cluster || !ok || live.leaving() || live.meta.Labels[object.ManagedBy] == cluster.FieldManager {
			continue
		}
		hint := fmt.Sprintf("rename the service, or hand the namespace over: kubectl label namespace %s %s=%s", live.meta.Name, object.ManagedBy, cluster.FieldManager)
		errs = append(errs, broken(w.owner, hint, "the namespace %s is there already and not of k3sedge", live.meta.Name))
	}
	return errors.Join(errs...)
}

// frozen finds slices that stop Traefik's provider: from then on it applies
// no change of anybody, and after a restart it serves nothing. Those that are
// about to be written over do not count.
func frozen(wants []want, seen *snapshot) error {
	ours := map[string]bool{}
	for _, w := range wants {
		ours[w.send.Path] = true
	}
	var errs []error
	for _, it := range seen.items[object.EndpointSlice{}.Kind().Name] {
		var slice struct {
			Ports []struct{ Port *int64 }
		}
		if err := json.Unmarshal(it.raw, &slice); err != nil {
			return fmt.Errorf("read %s: %w", it.path(), err)
		}
		for _, p := range slice.Ports {
			if ours[it.path()] || p.Port != nil && *p.Port > 0 && *p.Port <= 65535 {
				continue
			}
			errs = append(errs, broken("", fmt.Sprintf("give it its port, or delete it: kubectl delete endpointslice -n %s %s", it.meta.Namespace, it.meta.Name),
				"the EndpointSlice %s/%s has a port without a number, at which Traefik stops to apply any change", it.meta.Namespace, it.meta.Name))
			break
		}
	}
	return errors.Join(errs...)
}

func (v *view) notCloudflare(s inventory.Service) error {
	for _, to := range s.To {
		a, err := netip.ParseAddrPort(to)
		if err != nil {
			continue // the objects could not be made from it
		}
		for _, p := range v.cfg.Cloudflare {
			if p.Contains(a.Addr()) {
				return broken(s.Name, "name the server's own address in the LAN", "server %s is Cloudflare itself, so that requests would go round in a circle", to)
			}
		}
	}
	return nil
}

// safeNaming finds the switch of Traefik that gives all middlewares other names.
func (v *view) safeNaming(ctx context.Context) error {
	data, err := v.api.Get(ctx, "/apis/apps/v1/namespaces/kube-system/daemonsets/traefik")
	if cluster.NotFound(err) {
		return nil // whether Traefik is there is for another stage to say
	}
	if err != nil {
		return fmt.Errorf("look at Traefik's arguments: %w", err)
	}
	var ds struct {
		Spec struct {
			Template struct {
				Spec struct{ Containers []struct{ Args []string } }
			}
		}
	}
	if err := json.Unmarshal(data, &ds); err != nil {
		return fmt.Errorf("read Traefik's arguments: %w", err)
	}
	for _, c := range ds.Spec.Template.Spec.Containers {
		for _, arg := range c.Args {
			name, value, _ := strings.Cut(strings.ToLower(strings.TrimLeft(arg, "-")), "=")
			if name == "providers.kubernetescrd.safenaming" && value != "false" {
				return broken("", "take safeNaming out of the HelmChartConfig traefik in kube-system", "Traefik runs with safeNaming, by which every reference to a middleware would lead nowhere")
			}
		}
	}
	return nil
}
