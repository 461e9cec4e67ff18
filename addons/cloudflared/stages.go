package cloudflared

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/k3sedge/k3sedge/addons/apply"
	"github.com/k3sedge/k3sedge/addons/cloudflare"
	"github.com/k3sedge/k3sedge/addons/object"
	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/cluster"
	"github.com/k3sedge/k3sedge/provision/converge"
)

// Config is which tunnel is served, and for what.
type Config struct {
	Cluster  inventory.Cluster
	Services []inventory.Service // all of the folder; with local management their rules are in the cluster
	// Connector is what serves the tunnel. While there is none yet, its Tunnel is empty.
	Connector func(context.Context) (cloudflare.Connector, error)
}

type step = converge.Step[cluster.Reader, cluster.API]

// Stages brings cloudflared to run on every node, or takes it away where the
// edge is in another mode. It comes after the tunnel is made.
func Stages(c Config, api cluster.API) []converge.Stage {
	return stage(converge.Bind[cluster.Reader]("", api, api, steps(c)...))
}

// PlanStages looks at what Stages would change.
func PlanStages(c Config, r cluster.Reader) []converge.Stage {
	return stage(converge.Observe("", r, steps(c)...))
}

func steps(c Config) []step {
	if !c.Cluster.Edge.OverCloudflare() {
		return []step{gone{}}
	}
	return []step{placed{c}, running{c}}
}

func stage(t converge.Track) []converge.Stage {
	return []converge.Stage{{Name: "cloudflared", Tracks: []converge.Track{t}, Joint: true}}
}

// HeldTunnel is the ID of the tunnel whose token or credentials the cluster
// has, or "".
func HeldTunnel(ctx context.Context, r cluster.Reader) (string, error) {
	for _, name := range []string{tokenSecret, credentialsSecret} {
		live, err := apply.Look(ctx, r, object.Secret{}.Kind().Path(Namespace, name))
		if err != nil || live == nil || !apply.Ours(live) {
			if err != nil {
				return "", err
			}
			continue
		}
		var head struct{ Metadata object.Meta }
		if err := json.Unmarshal(live, &head); err != nil {
			return "", fmt.Errorf("read the secret %s: %w", name, err)
		}
		return head.Metadata.Annotations[tunnelAnnotation], nil
	}
	return "", nil
}

// placed is the step that gives the cluster the objects.
type placed struct{ config Config }

// ID names the step in events.
func (placed) ID() string { return "cloudflared/placed" }

// Check returns a change for each object that differs.
func (s placed) Check(ctx context.Context, r cluster.Reader) ([]converge.Change, error) {
	objects, err := s.wants(ctx)
	if err != nil {
		return nil, err
	}
	if objects == nil {
		return []converge.Change{{ID: "cloudflared", Have: "without a tunnel", Want: "on every node, once the tunnel is made"}}, nil
	}
	if err := apply.Vacant(ctx, r, Namespace); err != nil {
		return nil, err
	}
	changes, err := apply.Changes(ctx, r, objects)
	if err != nil {
		return nil, err
	}
	left, err := apply.Leftovers(ctx, r, stale(s.config.Cluster))
	return append(changes, left...), err
}

// Apply writes what differs. What belongs to the other kind of management goes
// when no pod needs it any more.
func (s placed) Apply(ctx context.Context, api cluster.API) error {
	objects, err := s.wants(ctx)
	if err != nil {
		return err
	}
	if err := apply.All(ctx, api, objects); err != nil {
		return err
	}
	return apply.Remove(ctx, api, stale(s.config.Cluster))
}

func (s placed) wants(ctx context.Context) ([]object.Object, error) {
	k, err := s.config.Connector(ctx)
	if err != nil || k.Tunnel == "" {
		return nil, err
	}
	return Objects(s.config.Cluster, s.config.Services, k)
}
