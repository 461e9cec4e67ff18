package addons

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/k3sedge/k3sedge/addons/certmanager"
	"github.com/k3sedge/k3sedge/addons/object"
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

// checkIssued is done when all certificates are issued, and those of zones gone
// that were shown until then.
func checkIssued(ctx context.Context, v *view) ([]converge.Change, error) {
	_, changes, err := v.unissued(ctx)
	if err != nil {
		return nil, err
	}
	zones, err := v.goes(ctx, true)
	for _, l := range zones {
		changes = append(changes, l.change())
	}
	return changes, err
}

func awaitIssued(ctx context.Context, h *hands) error {
	open, _, err := h.unissued(ctx)
	if err != nil {
		return err
	}
	if err := certmanager.Await(ctx, h.do, open); err != nil {
		return err
	}
	zones, err := h.goes(ctx, true)
	if err != nil {
		return err
	}
	return together(ctx, zones, h.remove)
}

// shownYet reports whether it is a certificate for all hosts of a zone, or what
// has it shown, in whose place others are being issued.
func (v *view) shownYet(l *left) bool {
	shown := l.kind.Name == object.Certificate{}.Kind().Name || l.kind.Name == object.TLSStore{}.Kind().Name
	return shown && l.owner == "" && issued(*v.edge())
}

// replaces reports whether routes are to be changed that answer already.
func replaces(todo []edit) bool {
	return slices.ContainsFunc(todo, func(e edit) bool {
		return object.Phase(e.object.Kind()) == object.PhaseRoutes && e.have != absent && e.have != going
	})
}

// awaitZones waits for the certificates of the zones. A route that has named a
// secret of its own would be without any until then.
func (h *hands) awaitZones(ctx context.Context) error {
	open, _, err := h.unissued(ctx)
	if err != nil {
		return err
	}
	return certmanager.Await(ctx, h.do, slices.DeleteFunc(open, func(c object.Certificate) bool {
		return object.MetaOf(c).Namespace != SystemNamespace
	}))
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
