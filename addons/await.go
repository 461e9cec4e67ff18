package addons

import (
	"context"

	"github.com/k3sedge/k3sedge/addons/apply"
	"github.com/k3sedge/k3sedge/addons/object"
)

// awaitNamespaces waits for those that are on their way out, because nothing
// can be made in them before they are gone.
func (h *hands) awaitNamespaces(ctx context.Context, todo []edit) error {
	var names []string
	for _, e := range todo {
		if e.have == going && e.object.Kind().Cluster {
			names = append(names, object.MetaOf(e.object).Name)
		}
	}
	return together(ctx, names, func(ctx context.Context, name string) error { return apply.AwaitGone(ctx, h.do, name) })
}
