package addons

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/k3sedge/k3sedge/addons/object"
	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/cluster"
)

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

// twoDefaults finds TLS options, and where we have one TLS stores, that take
// the place of ours: of two by that name Traefik follows neither, and shows
// its own certificate to everybody.
func twoDefaults(wants []want, seen *snapshot) error {
	kinds := []object.Kind{object.TLSOption{}.Kind()}
	if wantsStore(wants) {
		kinds = append(kinds, object.TLSStore{}.Kind())
	}
	var errs []error
	for _, k := range kinds {
		for _, it := range seen.items[k.Name] {
			if m := it.meta; m.Name == defaultOptions && m.Namespace != SystemNamespace && !it.leaving() {
				errs = append(errs, broken("", fmt.Sprintf("give it another name, for the routes that it is for, and delete it: kubectl delete %s -n %s %s", strings.ToLower(k.Name), m.Namespace, m.Name),
					"the %s %s/%s takes the name that k3sedge's own has, and Traefik follows none of two", k.Name, m.Namespace, m.Name))
			}
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

// traefik finds what the arguments do not allow by which Traefik runs now: a
// switch that gives all middlewares other names, and an entrypoint that routes
// need and that only comes with the edge's mode.
func (v *view) traefik(ctx context.Context) error {
	args, err := v.arguments(ctx)
	if cluster.NotFound(err) {
		return nil // whether Traefik is there is for another stage to say
	}
	if err != nil {
		return fmt.Errorf("look at Traefik's arguments: %w", err)
	}
	if safe, ok := args["providers.kubernetescrd.safenaming"]; ok && safe != "false" {
		return broken("", "take safeNaming out of the HelmChartConfig traefik in kube-system", "Traefik runs with safeNaming, by which every reference to a middleware would lead nowhere")
	}
	_, tunnel := args["entrypoints."+entryTunnel+".address"]
	for _, s := range v.cfg.chosen() {
		if !tunnel && (wanted{Service: s, edge: *v.edge()}).tunnelled() {
			return broken(s.Name, "run k3sedge up, which gives it one since edge.mode is tunnel", "Traefik has no entrypoint %s yet, so that nobody would come by it", entryTunnel)
		}
	}
	return nil
}

// arguments are Traefik's, in lower case, as it compares them.
func (v *view) arguments(ctx context.Context) (map[string]string, error) {
	data, err := v.api.Get(ctx, "/apis/apps/v1/namespaces/kube-system/daemonsets/traefik")
	if err != nil {
		return nil, err
	}
	var ds struct {
		Spec struct {
			Template struct {
				Spec struct{ Containers []struct{ Args []string } }
			}
		}
	}
	if err := json.Unmarshal(data, &ds); err != nil {
		return nil, err
	}
	out := map[string]string{}
	for _, c := range ds.Spec.Template.Spec.Containers {
		for _, arg := range c.Args {
			name, value, _ := strings.Cut(strings.ToLower(strings.TrimLeft(arg, "-")), "=")
			out[name] = value
		}
	}
	return out, nil
}
