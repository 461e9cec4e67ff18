package addons

import (
	"context"
	"strings"
	"time"

	"github.com/k3sedge/k3sedge/addons/object"
	"github.com/k3sedge/k3sedge/provision/cluster"
	"github.com/k3sedge/k3sedge/provision/converge"
	"github.com/k3sedge/k3sedge/provision/machine"
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
	if object.Decode(namespace, &n) != nil {
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
