package addons

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/k3sedge/k3sedge/addons/certmanager"
	"github.com/k3sedge/k3sedge/addons/object"
	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/converge"
)

// unissued are the certificates that are wanted and not issued.
func (v *view) unissued(ctx context.Context) ([]object.Certificate, []converge.Change, error) {
	wants, seen, err := v.both(ctx)
	if err != nil {
		return nil, nil, err
	}
	var open []object.Certificate
	var changes []converge.Change
	for _, w := range wants {
		c, ok := w.object.(object.Certificate)
		if !ok {
			continue
		}
		have := absent
		if live, ok := seen.paths[w.send.Path]; ok {
			is, err := certmanager.ReadCertificate(live.raw)
			if err != nil {
				return nil, nil, err
			}
			if is.Ready {
				continue
			}
			have = is.Message
		}
		open = append(open, c)
		changes = append(changes, converge.Change{ID: id(w.owner, c.Kind(), object.MetaOf(c).Name), Have: have, Want: "issued by " + c.Spec.IssuerRef.Name})
	}
	return open, changes, nil
}

// checkIssued is done when all certificates are issued, and what was shown in
// their place until then is gone.
func checkIssued(ctx context.Context, v *view) ([]converge.Change, error) {
	_, changes, err := v.unissued(ctx)
	if err != nil {
		return nil, err
	}
	_, routes, err := v.edits(ctx)
	if err != nil {
		return nil, err
	}
	for _, e := range routes {
		changes = append(changes, e.change())
	}
	return v.replaced(ctx, changes)
}

// replaced adds what is shown until then, and goes.
func (v *view) replaced(ctx context.Context, changes []converge.Change) ([]converge.Change, error) {
	shown, err := v.goes(ctx, true)
	for _, l := range shown {
		changes = append(changes, l.change())
	}
	return changes, err
}

// clear takes away what has been replaced.
func (h *hands) clear(ctx context.Context) error {
	shown, err := h.goes(ctx, true)
	if err != nil {
		return err
	}
	return together(ctx, shown, h.remove)
}

func awaitIssued(ctx context.Context, h *hands) error {
	open, _, err := h.unissued(ctx)
	if err != nil {
		return err
	}
	if err := certmanager.Await(ctx, h.do, open); err != nil {
		return err
	}
	_, routes, err := h.edits(ctx)
	if err != nil {
		return err
	}
	if err := together(ctx, routes, h.apply); err != nil {
		return err
	}
	return h.clear(ctx)
}

// edits are what is to be applied at once, and the routes that come last: those
// that have named a certificate of their own, and show that of the zone when it
// is issued.
func (v *view) edits(ctx context.Context) (first, last []edit, err error) {
	wants, seen, err := v.both(ctx)
	if err != nil {
		return nil, nil, err
	}
	var meanwhile, then []want
	for _, w := range wants {
		until, ok, err := v.until(w, seen)
		if err != nil {
			return nil, nil, err
		}
		if meanwhile = append(meanwhile, until); ok {
			then = append(then, w)
		}
	}
	if first, err = edits(meanwhile, seen); err != nil {
		return nil, nil, err
	}
	last, err = edits(then, seen)
	return first, last, err
}

// until is a route that still names the certificate that it has named so far.
func (v *view) until(w want, seen *snapshot) (want, bool, error) {
	live, there := seen.paths[w.send.Path]
	route, ok := w.object.(object.Ingress)
	if !there || !ok || len(route.Spec.TLS) > 0 || !issued(*v.edge()) {
		return w, false, nil
	}
	if field, err := w.difference(live); err != nil || field == "" {
		return w, false, err
	}
	var has struct {
		Spec struct{ TLS []object.IngressTLS }
	}
	if err := json.Unmarshal(live.raw, &has); err != nil {
		return w, false, fmt.Errorf("read %s: %w", live.path(), err)
	}
	if !slices.ContainsFunc(has.Spec.TLS, func(t object.IngressTLS) bool { return t.SecretName != "" }) {
		return w, false, nil
	}
	route.Spec.TLS = has.Spec.TLS
	out, err := rendered(nil, w.owner, []object.Object{route})
	if err != nil {
		return w, false, err
	}
	return out[0], true, nil
}

// shownYet reports whether it is a certificate, or what has it shown, in whose
// place another is being issued. With issuer origin that of a service goes at
// once: cert-manager would go on filling the secret that Cloudflare's is for.
func (v *view) shownYet(l *left) bool {
	e := *v.edge()
	switch {
	case l.kind.Name != object.Certificate{}.Kind().Name && l.kind.Name != object.TLSStore{}.Kind().Name:
		return false
	case l.owner == "":
		return issued(e) || signed(e)
	}
	return issued(e) && slices.ContainsFunc(v.cfg.chosen(), func(s inventory.Service) bool { return s.Name == l.owner })
}

// competing finds what of others would have Traefik show another certificate,
// or none: Certificates that fill the same secrets, and cert-manager not being
// there at all.
func (v *view) competing(wants []want, seen *snapshot) error {
	ours := map[string]bool{} // by the path of the secret
	for _, w := range wants {
		if c, ok := w.object.(object.Certificate); ok {
			ours[secretPath(object.MetaOf(c).Namespace, c.Spec.SecretName)] = true
		}
	}
	kind := object.Certificate{}.Kind()
	if len(ours) > 0 && seen.unknown[kind.Name] {
		return broken("", "run k3sedge up, which installs it", "the cluster has no cert-manager, which edge.certificates needs")
	}
	var errs []error
	for _, it := range seen.items[kind.Name] {
		var o struct{ Spec struct{ SecretName string } }
		if err := json.Unmarshal(it.raw, &o); err != nil {
			return fmt.Errorf("read %s: %w", it.path(), err)
		}
		if it.ours() || !ours[secretPath(it.meta.Namespace, o.Spec.SecretName)] {
			continue
		}
		errs = append(errs, broken("", fmt.Sprintf("delete it, its secret stays: kubectl delete certificate -n %s %s; or take edge.certificates out and keep it", it.meta.Namespace, it.meta.Name),
			"the Certificate %s/%s is not of k3sedge and fills the secret %s as well", it.meta.Namespace, it.meta.Name, o.Spec.SecretName))
	}
	return errors.Join(errs...)
}

func secretPath(namespace, name string) string { return object.Secret{}.Kind().Path(namespace, name) }

// wantsStore reports whether we have a TLSStore of the name that there may be one of.
func wantsStore(wants []want) bool {
	return slices.ContainsFunc(wants, func(w want) bool { _, ok := w.object.(object.TLSStore); return ok })
}
