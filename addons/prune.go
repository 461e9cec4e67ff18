package addons

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/k3sedge/k3sedge/addons/apply"
	"github.com/k3sedge/k3sedge/addons/object"
	"github.com/k3sedge/k3sedge/provision/cluster"
	"github.com/k3sedge/k3sedge/provision/converge"
	"github.com/k3sedge/k3sedge/provision/machine"
)

// left is one object of ours that no file asks for any more.
type left struct {
	item
	owner string
	// foreign is what of others stands in the namespace, which then stays.
	foreign []string
}

// leftovers finds what left the folder. Nothing is ours that does not have our
// label and stand in its service's namespace; what is in a namespace that goes
// anyhow is not listed.
func (v *view) leftovers(ctx context.Context) ([]*left, error) {
	wants, seen, err := v.both(ctx)
	if err != nil {
		return nil, err
	}
	wanted := map[string]bool{}
	for _, w := range wants {
		wanted[w.send.Path] = true
	}
	var out []*left
	for path, it := range seen.paths {
		owner := it.meta.Labels[object.ForService]
		chosen := v.cfg.Only == "" || owner == v.cfg.Only
		if it.ours() && chosen && !wanted[path] && !it.holdsCertificate(owner) && (it.kind.Cluster || !it.leaving() && !seen.terminating(it)) {
			out = append(out, &left{item: it, owner: owner})
		}
	}
	slices.SortFunc(out, func(a, b *left) int { return cmp.Compare(a.path(), b.path()) })
	return out, together(ctx, out, func(ctx context.Context, l *left) error { return l.lookInside(ctx, v.api) })
}

func (l *left) lookInside(ctx context.Context, r cluster.Reader) (err error) {
	if l.kind.Cluster && !l.leaving() {
		l.foreign, err = foreign(ctx, r, l.meta.Name, l.owner)
	}
	return err
}

// errNoFolder is a project whose services are nowhere, which is no list without entries.
var errNoFolder = errors.New("there is no folder services/")

func checkPrune(ctx context.Context, v *view) ([]converge.Change, error) {
	todo, err := v.goes(ctx, false)
	if err != nil {
		return nil, err
	}
	if v.cfg.NoFolder && len(todo) > 0 {
		return nil, machine.WithHint(fmt.Errorf("%w, and %s is in the cluster", errNoFolder, todo[0].owner),
			"take the services/ folder of this cluster beside its file; if all services are to go, make an empty one")
	}
	var out []converge.Change
	for _, l := range todo {
		out = append(out, l.change())
	}
	return out, nil
}

// goes are the leftovers that go at once, or those that go last of all.
func (v *view) goes(ctx context.Context, last bool) ([]*left, error) {
	all, err := v.leftovers(ctx)
	return slices.DeleteFunc(all, func(l *left) bool { return v.shownYet(l) != last }), err
}

func (l *left) change() converge.Change {
	c := converge.Change{ID: id(l.owner, l.kind, l.meta.Name), Have: applied, Want: absent}
	switch {
	case l.leaving():
		c.Have = going
	case len(l.foreign) > 0:
		c.Have, c.Want = "holds what is not of k3sedge: "+strings.Join(l.foreign, ", "), "kept, without the label"
	}
	return c
}

// prune takes away routes first, then what they named, then the namespaces.
func prune(ctx context.Context, h *hands) error {
	todo, err := h.goes(ctx, false)
	if err != nil {
		return err
	}
	for phase := object.PhaseRoutes; phase > object.PhaseNamespaces; phase-- {
		part := slices.DeleteFunc(slices.Clone(todo), func(l *left) bool { return object.Phase(l.kind) != phase })
		if err := together(ctx, part, h.remove); err != nil {
			return err
		}
	}
	namespaces := slices.DeleteFunc(todo, func(l *left) bool { return !l.kind.Cluster })
	return together(ctx, namespaces, h.removeNamespace)
}

func (h *hands) remove(ctx context.Context, l *left) error {
	if err := h.do.Delete(ctx, l.path()); err != nil {
		return fmt.Errorf("delete %s: %w", l.path(), err)
	}
	return nil
}

// removeNamespace deletes a namespace with all that is in it, if that is all
// ours; otherwise it takes our labels off and leaves it to the others.
func (h *hands) removeNamespace(ctx context.Context, l *left) error {
	if len(l.foreign) > 0 {
		return h.release(ctx, l)
	}
	if err := h.remove(ctx, l); err != nil {
		return err
	}
	return apply.AwaitGone(ctx, h.do, l.meta.Name)
}

// release applies the namespace without a field, by which those that we have
// applied before are dropped.
func (h *hands) release(ctx context.Context, l *left) error {
	bare, err := json.Marshal(map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": l.meta.Name}})
	if err != nil {
		return fmt.Errorf("release namespace %s: %w", l.meta.Name, err)
	}
	if err := h.do.Apply(ctx, cluster.Object{Path: l.path(), JSON: bare}); err != nil {
		return fmt.Errorf("release namespace %s: %w", l.meta.Name, err)
	}
	return nil
}
