package addons

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/k3sedge/k3sedge/addons/object"
	"github.com/k3sedge/k3sedge/provision/cluster"
	"github.com/k3sedge/k3sedge/provision/converge"
	"github.com/k3sedge/k3sedge/provision/machine"
)

// atOnce bounds the requests that are under way together.
const atOnce = 8

// The two sides of a change, as people read them.
const (
	absent  = "absent"
	applied = "applied"
	going   = "being deleted"
)

// edit is one object that is to be applied, and why.
type edit struct {
	want
	have string
	anew bool // it has to go first
}

// edits are the differences, in the order of the files.
func edits(wants []want, seen *snapshot) ([]edit, error) {
	var out []edit
	for _, w := range wants {
		live, ok := seen.paths[w.send.Path]
		switch {
		case ok && (live.leaving() || seen.terminating(live)):
			out = append(out, edit{want: w, have: going})
		case !ok:
			out = append(out, edit{want: w, have: absent})
		default:
			field, err := w.difference(live)
			if err != nil {
				return nil, err
			}
			if field != "" {
				out = append(out, edit{want: w, have: "differs in " + field, anew: w.fixed(live)})
			}
		}
	}
	return out, nil
}

// terminating reports whether the object goes with its namespace.
func (s *snapshot) terminating(i item) bool {
	return s.paths[object.Namespace{}.Kind().Path("", i.meta.Namespace)].leaving()
}

func checkObjects(ctx context.Context, v *view) ([]converge.Change, error) {
	wants, seen, err := v.both(ctx)
	if err != nil {
		return nil, err
	}
	todo, err := edits(wants, seen)
	if err != nil {
		return nil, err
	}
	var out []converge.Change
	for _, e := range todo {
		out = append(out, converge.Change{ID: id(e.owner, e.object.Kind(), object.MetaOf(e.object).Name), Have: e.have, Want: applied})
	}
	return out, nil
}

// applyObjects goes through three phases: namespaces, what routes name, routes.
// A route that came before its middlewares would answer 404 for a while.
func applyObjects(ctx context.Context, h *hands) error {
	wants, seen, err := h.both(ctx)
	if err != nil {
		return err
	}
	todo, err := edits(wants, seen)
	if err != nil {
		return err
	}
	if err := h.awaitNamespaces(ctx, todo); err != nil {
		return err
	}
	for phase := range 3 {
		part := slices.DeleteFunc(slices.Clone(todo), func(e edit) bool { return phaseOf(e.object.Kind()) != phase })
		if err := together(ctx, part, h.apply); err != nil {
			return err
		}
	}
	return nil
}

func phaseOf(k object.Kind) int {
	switch k.Name {
	case "Namespace":
		return 0
	case "Ingress":
		return 2
	}
	return 1
}

func (h *hands) apply(ctx context.Context, e edit) error {
	if e.anew {
		if err := h.do.Delete(ctx, e.send.Path); err != nil {
			return fmt.Errorf("delete %s, to make it anew: %w", e.send.Path, err)
		}
	}
	if err := h.do.Apply(ctx, e.send); err != nil {
		return fmt.Errorf("apply %s: %w", e.send.Path, err)
	}
	return nil
}

// awaitNamespaces waits for those that are on their way out, because nothing
// can be made in them before they are gone.
func (h *hands) awaitNamespaces(ctx context.Context, todo []edit) error {
	var names []string
	for _, e := range todo {
		if e.have == going && e.object.Kind().Cluster {
			names = append(names, object.MetaOf(e.object).Name)
		}
	}
	return together(ctx, names, h.awaitGone)
}

// awaitGone waits until a namespace that was deleted is gone.
func (h *hands) awaitGone(ctx context.Context, name string) error {
	path := object.Namespace{}.Kind().Path("", name)
	w := converge.Wait{What: "namespace " + name + " to be gone", Every: 100 * time.Millisecond, Limit: 2 * time.Minute,
		Cause: "an object in it has a finalizer whose controller does not answer"}
	err := w.Until(ctx, func(ctx context.Context) (bool, string, error) {
		data, err := h.do.Get(ctx, path)
		if cluster.NotFound(err) {
			return true, "", nil
		}
		return false, remaining(data), err
	})
	return machine.WithHint(err, "kubectl get namespace %s -o yaml says what is left in it", name)
}

// remaining is what a namespace says that it still waits for.
func remaining(namespace []byte) string {
	var n struct {
		Status struct {
			Conditions []struct{ Type, Status, Message string }
		}
	}
	if decode(namespace, &n) != nil {
		return ""
	}
	var out []string
	for _, c := range n.Status.Conditions {
		if c.Status == "True" {
			out = append(out, c.Message)
		}
	}
	return strings.Join(out, "; ")
}

// together does the same with all items, some at once, and joins the errors in
// the order of the items. Where the API is away it does not go on asking.
func together[T any](ctx context.Context, items []T, do func(context.Context, T) error) error {
	requests, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	errs := make([]error, len(items))
	slots := make(chan struct{}, atOnce)
	var wg sync.WaitGroup
	for i, it := range items {
		slots <- struct{}{}
		if requests.Err() != nil {
			break
		}
		wg.Go(func() {
			defer func() { <-slots }()
			if errs[i] = do(requests, it); cluster.Away(errs[i]) {
				cancel(errs[i])
			}
		})
	}
	wg.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if away := context.Cause(requests); away != nil {
		return away
	}
	return errors.Join(errs...)
}
