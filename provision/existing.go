package provision

import (
	"context"

	"github.com/k3sedge/k3sedge/provision/converge"
	"github.com/k3sedge/k3sedge/provision/machine"
)

// ExistingStages waits until the machines that are already there can be
// worked with. There is nothing to make.
func ExistingStages(cfg Config) []converge.Stage {
	s := converge.Stage{Name: "machines"}
	for _, n := range cfg.Cluster.Nodes {
		s.Tracks = append(s.Tracks, converge.Bind(n.Name, readiness(cfg.Guests.Host(n).WaitReady), struct{}{}, converge.Step[readiness, struct{}](reachable{})))
	}
	return []converge.Stage{s}
}

// ExistingPlanStages asks each machine once.
func ExistingPlanStages(cfg Config) []converge.Stage {
	s := converge.Stage{Name: "machines"}
	for _, n := range cfg.Cluster.Nodes {
		s.Tracks = append(s.Tracks, converge.Observe(n.Name, askOnce(cfg.Guests.Reader(n)), converge.Step[readiness, struct{}](reachable{})))
	}
	return []converge.Stage{s}
}

// reachable is a machine that answers with its pinned key and lets us in.
type reachable struct{}

// ID returns machine/ready.
func (reachable) ID() string { return "machine/ready" }

// Check asks, or waits.
func (reachable) Check(ctx context.Context, ready readiness) ([]converge.Change, error) {
	err := ready(ctx)
	if err == nil || hasHint(err) {
		return nil, err
	}
	return nil, machine.WithHint(err, "check that the machine runs and that nodes[].address and ssh.port are right; its host key is pinned by k3sedge trust NODE")
}

// Apply has nothing to do: Check has waited.
func (reachable) Apply(context.Context, struct{}) error { return nil }
