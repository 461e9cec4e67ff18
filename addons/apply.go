package addons

import (
	"context"
	"fmt"
	"slices"

	"github.com/k3sedge/k3sedge/addons/object"
	"github.com/k3sedge/k3sedge/provision/converge"
)

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
	todo, _, err := v.edits(ctx)
	if err != nil {
		return nil, err
	}
	var out []converge.Change
	for _, e := range todo {
		out = append(out, e.change())
	}
	return out, nil
}

func (e edit) change() converge.Change {
	return converge.Change{ID: id(e.owner, e.object.Kind(), object.MetaOf(e.object).Name), Have: e.have, Want: applied}
}

// applyObjects goes through the phases, one after the other.
func applyObjects(ctx context.Context, h *hands) error {
	todo, _, err := h.edits(ctx)
	if err != nil {
		return err
	}
	if err := h.awaitNamespaces(ctx, todo); err != nil {
		return err
	}
	for phase := range object.Phases {
		part := slices.DeleteFunc(slices.Clone(todo), func(e edit) bool { return object.Phase(e.object.Kind()) != phase })
		if err := together(ctx, part, h.apply); err != nil {
			return err
		}
	}
	return nil
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
