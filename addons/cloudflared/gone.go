package cloudflared

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"github.com/k3sedge/k3sedge/addons/apply"
	"github.com/k3sedge/k3sedge/addons/chart"
	"github.com/k3sedge/k3sedge/addons/object"
	"github.com/k3sedge/k3sedge/provision/cluster"
	"github.com/k3sedge/k3sedge/provision/converge"
)

// gone is the step of an edge that has no tunnel of ours.
type gone struct{}

// ID names the step in events.
func (gone) ID() string { return "cloudflared/gone" }

func namespacePath() string { return object.Namespace{}.Kind().Path("", Namespace) }

// Check looks for the namespace, in which all of it stands. Once nothing of
// ours is in it, it may stay for others.
func (gone) Check(ctx context.Context, r cluster.Reader) ([]converge.Change, error) {
	live, err := apply.Look(ctx, r, namespacePath())
	if err != nil || live == nil || !apply.Ours(live) {
		return nil, err
	}
	left, err := apply.Leftovers(ctx, r, all())
	if err != nil || len(left) > 0 {
		return left, err
	}
	others, err := others(ctx, r)
	if err != nil || len(others) > 0 {
		return nil, err
	}
	return []converge.Change{{ID: Namespace, Have: apply.Applied, Want: apply.Absent}}, nil
}

// Apply takes our objects away, and the namespace if nothing else is in it.
func (gone) Apply(ctx context.Context, api cluster.API) error {
	if err := apply.Remove(ctx, api, all()); err != nil {
		return err
	}
	others, err := others(ctx, api)
	if err != nil || len(others) > 0 {
		return err
	}
	if err := apply.Remove(ctx, api, []string{namespacePath()}); err != nil {
		return err
	}
	return apply.AwaitGone(ctx, api, Namespace)
}

// others lists what in the namespace is not ours: our pods go with their
// DaemonSet, and some objects come by themselves.
func others(ctx context.Context, r cluster.Reader) ([]string, error) {
	query := url.Values{"labelSelector": {object.ManagedBy + "!=" + cluster.FieldManager + ",app.kubernetes.io/name!=" + name}}
	var out []string
	for _, kind := range []object.Kind{
		{Version: "v1", Name: "Pod", Plural: "pods"}, object.ConfigMap{}.Kind(), object.Secret{}.Kind(), object.Service{}.Kind(), object.DaemonSet{}.Kind(),
		{Group: "apps", Version: "v1", Name: "Deployment", Plural: "deployments"},
	} {
		list, err := chart.Get[struct {
			Items []struct{ Metadata object.Meta }
		}](ctx, r, kind.ListIn(Namespace)+"?"+query.Encode())
		if err != nil {
			return nil, fmt.Errorf("look for what else is in namespace %s: %w", Namespace, err)
		}
		for _, it := range list.Items {
			if it.Metadata.Name != "kube-root-ca.crt" {
				out = append(out, strings.ToLower(kind.Name)+" "+it.Metadata.Name)
			}
		}
	}
	return out, nil
}
