package apply

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/k3sedge/k3sedge/addons/object"
	"github.com/k3sedge/k3sedge/provision/cluster"
	"github.com/k3sedge/k3sedge/provision/converge"
	"github.com/k3sedge/k3sedge/provision/machine"
)

// AwaitGone waits until a namespace that was deleted is gone.
func AwaitGone(ctx context.Context, r cluster.Reader, namespace string) error {
	path := object.Namespace{}.Kind().Path("", namespace)
	w := converge.Wait{What: "namespace " + namespace + " to be gone", Every: 100 * time.Millisecond, Limit: 2 * time.Minute,
		Cause: "an object in it has a finalizer whose controller does not answer"}
	err := w.Until(ctx, func(ctx context.Context) (bool, string, error) {
		data, err := r.Get(ctx, path)
		if cluster.NotFound(err) {
			return true, "", nil
		}
		return false, remaining(data), err
	})
	return machine.WithHint(err, "kubectl get namespace %s -o yaml says what is left in it", namespace)
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

// Leftovers returns a change for each object at these paths that is ours.
func Leftovers(ctx context.Context, r cluster.Reader, paths []string) ([]converge.Change, error) {
	var out []converge.Change
	for _, path := range paths {
		live, err := Look(ctx, r, path)
		if err != nil {
			return nil, err
		}
		if live != nil && Ours(live) {
			out = append(out, converge.Change{ID: lastTwo(path), Have: Applied, Want: Absent})
		}
	}
	return out, nil
}

// lastTwo is the kind and the name out of a path.
func lastTwo(path string) string {
	words := strings.Split(path, "/")
	return strings.Join(words[max(0, len(words)-2):], "/")
}

// Remove deletes the objects at these paths that are ours.
func Remove(ctx context.Context, api cluster.API, paths []string) error {
	for _, path := range paths {
		live, err := Look(ctx, api, path)
		if err != nil {
			return err
		}
		if live == nil || !Ours(live) {
			continue
		}
		if err := api.Delete(ctx, path); err != nil {
			return fmt.Errorf("delete %s: %w", path, err)
		}
	}
	return nil
}
