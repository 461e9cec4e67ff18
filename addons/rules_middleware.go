package addons

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/k3sedge/k3sedge/addons/object"
	"github.com/k3sedge/k3sedge/inventory"
)

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
