package addons

import (
	"context"

	"github.com/k3sedge/k3sedge/provision/cluster"
	"github.com/k3sedge/k3sedge/provision/converge"
	"github.com/k3sedge/k3sedge/provision/machine"
)

// Stages bring the services behind the edge, then do what is to be done before
// their certificates are waited for: one that is stuck keeps nothing else from
// being made. It is one track for all services: they share each look at the
// cluster, and each phase of a change.
func Stages(c Config, api cluster.API, before ...converge.Stage) []converge.Stage {
	h := &hands{view: &view{cfg: c, api: api}, do: api}
	return c.stages(before, func(steps ...stepper) converge.Track { return converge.Bind("", h.view, h, steps...) })
}

// PlanStages look at the same and have nothing to change it with.
func PlanStages(c Config, r cluster.Reader, before ...converge.Stage) []converge.Stage {
	v := &view{cfg: c, api: r}
	return c.stages(before, func(steps ...stepper) converge.Track { return converge.Observe("", v, steps...) })
}

type stepper = converge.Step[*view, *hands]

func (c Config) stages(before []converge.Stage, track func(...stepper) converge.Track) []converge.Stage {
	steps := []stepper{
		step{"services/rules", checkRules, nil},
		step{"services/objects", checkObjects, applyObjects},
		step{"services/prune", checkPrune, prune},
	}
	const last = "services/certificates"
	if signed(*c.edge()) {
		steps = append(steps, step{last, checkOrigin, signOrigin})
	}
	out := append([]converge.Stage{{Name: "services", Joint: true, Tracks: []converge.Track{track(steps...)}}}, before...)
	if goes := c.Only != "" && len(c.chosen()) == 0; goes || !issued(*c.edge()) {
		return out
	}
	return append(out, converge.Stage{Name: "certificates", Joint: true, Tracks: []converge.Track{track(step{last, checkIssued, awaitIssued})}})
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
