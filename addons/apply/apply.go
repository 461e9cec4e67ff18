package apply

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/k3sedge/k3sedge/addons/object"
	"github.com/k3sedge/k3sedge/provision/cluster"
	"github.com/k3sedge/k3sedge/provision/converge"
	"github.com/k3sedge/k3sedge/provision/machine"
)

// The two sides of a change, as people read them.
const (
	Absent  = "absent"
	Applied = "applied"
)

// Look reads an object; nil is one that is not there.
func Look(ctx context.Context, r cluster.Reader, path string) ([]byte, error) {
	live, err := r.Get(ctx, path)
	if cluster.NotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look at %s: %w", path, err)
	}
	return live, nil
}

// Changes returns one change for each object that is not as it is to be.
func Changes(ctx context.Context, r cluster.Reader, objects []object.Object) ([]converge.Change, error) {
	var out []converge.Change
	for _, o := range objects {
		have, err := Compare(ctx, r, o)
		if err != nil {
			return nil, err
		}
		if have != "" {
			out = append(out, converge.Change{ID: ID(o), Have: have, Want: Applied})
		}
	}
	return out, nil
}

// ID is how changes name an object: KIND/NAME.
func ID(o object.Object) string { return o.Kind().Name + "/" + object.MetaOf(o).Name }

// All applies, in their order, the objects that are not as they are to be.
func All(ctx context.Context, api cluster.API, objects []object.Object) error {
	for _, o := range objects {
		have, err := Compare(ctx, api, o)
		if err != nil {
			return err
		}
		if have == "" {
			continue
		}
		send, err := object.ToCluster(o)
		if err != nil {
			return err
		}
		if err := api.Apply(ctx, send); err != nil {
			return fmt.Errorf("apply %s: %w", send.Path, err)
		}
	}
	return nil
}

// Compare says how what is there is not as the object, or "".
func Compare(ctx context.Context, r cluster.Reader, o object.Object) (string, error) {
	live, err := Look(ctx, r, object.Path(o))
	if err != nil {
		return "", err
	}
	if live == nil {
		return Absent, nil
	}
	sent, err := object.ToCluster(o)
	if err != nil {
		return "", err
	}
	sum, err := object.Checksum(o)
	if err != nil {
		return "", err
	}
	field, err := object.Difference(sent, sum, live)
	if err != nil || field == "" {
		return "", err
	}
	return "differs in " + field, nil
}

// Ours reports whether we applied an object.
func Ours(live []byte) bool {
	m, err := metaOf(live)
	return err == nil && m.Labels[object.ManagedBy] == cluster.FieldManager && m.Annotations[object.Applied] != ""
}

func metaOf(live []byte) (object.Meta, error) {
	var head struct{ Metadata object.Meta }
	err := json.Unmarshal(live, &head)
	return head.Metadata, err
}

// Vacant refuses a namespace that is there and that nobody has handed over to us.
func Vacant(ctx context.Context, r cluster.Reader, namespace string) error {
	live, err := Look(ctx, r, object.Namespace{}.Kind().Path("", namespace))
	if err != nil || live == nil {
		return err
	}
	m, err := metaOf(live)
	if err != nil {
		return fmt.Errorf("read the namespace %s: %w", namespace, err)
	}
	if m.Labels[object.ManagedBy] == cluster.FieldManager {
		return nil
	}
	return machine.WithHint(fmt.Errorf("the namespace %s is there already and not of k3sedge", namespace),
		"hand it over: kubectl label namespace %s %s=%s", namespace, object.ManagedBy, cluster.FieldManager)
}
