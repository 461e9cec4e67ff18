package addons

import (
	"context"

	"github.com/k3sedge/k3sedge/provision/cluster"
	"github.com/k3sedge/k3sedge/provision/converge"
	"github.com/k3sedge/k3sedge/provision/machine"
)

const stageName = "services"

// Stages bring the services behind the edge. It is one track for all of them:
// they share each look at the cluster, and each phase of a change.
func Stages(c Config, api cluster.API) []converge.Stage {
	h := &hands{view: &view{cfg: c, api: api}, do: api}
	return []converge.Stage{{Name: stageName, Joint: true, Tracks: []converge.Track{converge.Bind("", h.view, h, c.steps()...)}}}
}

// PlanStages look at the same and have nothing to change it with.
func PlanStages(c Config, r cluster.Reader) []converge.Stage {
	return []converge.Stage{{Name: stageName, Joint: true, Tracks: []converge.Track{converge.Observe("", &view{cfg: c, api: r}, c.steps()...)}}}
}

// steps end with the certificates: what left the folder does not stay reachable
// because an ACME server is slow.
func (c Config) steps() []converge.Step[*view, *hands] {
	return append([]converge.Step[*view, *hands]{
		step{"services/rules", checkRules, nil},
		step{"services/objects", checkObjects, applyObjects},
		step{"services/prune", checkPrune, prune},
	}, c.certifying()...)
}

// hands write.
type hands struct {
	*view
	do cluster.API
}

// step is a check and, unless it only judges, what makes it hold.
type step struct {
	id    string
	check func(context.Context, *view) ([]converge.Change, error)
	apply func(context.Context, *hands) error
}

// ID returns the step's name.
func (s step) ID() string { return s.id }

// Check looks.
func (s step) Check(ctx context.Context, v *view) ([]converge.Change, error) {
	changes, err := s.check(ctx, v)
	return changes, again(err)
}

// Apply writes, and has the next look be a new one, whatever came of it.
func (s step) Apply(ctx context.Context, h *hands) error {
	if s.apply == nil {
		return nil
	}
	defer h.forget()
	return again(s.apply(ctx, h))
}

// again tells what to do where the API went away: nothing has to be undone.
func again(err error) error {
	if !cluster.Away(err) {
		return err
	}
	return machine.WithHint(err, "k3sedge status says which server is down; what was written stays, and the same command goes on from there")
}

// checkRules is both the last word before anything is written, and no work of its own.
func checkRules(ctx context.Context, v *view) ([]converge.Change, error) {
	wants, seen, err := v.both(ctx)
	if err != nil {
		return nil, err
	}
	return nil, v.judge(ctx, wants, seen)
}

// Rules holds the chosen services against the rules of the cluster, all of
// them, and joins what is broken.
func Rules(ctx context.Context, c Config, r cluster.Reader) error {
	_, err := checkRules(ctx, &view{cfg: c, api: r})
	return again(err)
}
