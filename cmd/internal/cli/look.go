package cli

import (
	"context"

	"github.com/k3sedge/k3sedge/provision/converge"
)

// lookStep is a step that only looks, so that what it waits for is shown, noted
// and timed as that of any other step is.
type lookStep struct {
	id  string
	run func(context.Context) error
}

// ID returns the step's id.
func (l lookStep) ID() string { return l.id }

// Check looks.
func (l lookStep) Check(ctx context.Context, _ struct{}) ([]converge.Change, error) {
	return nil, l.run(ctx)
}

// Apply has nothing to do.
func (lookStep) Apply(context.Context, struct{}) error { return nil }

// wanted is a stage that fails where the look does.
func (l lookStep) wanted(stage string) converge.Stage {
	return converge.Stage{Name: stage, Tracks: []converge.Track{converge.Bind("", struct{}{}, struct{}{}, converge.Step[struct{}, struct{}](l))}}
}

// observed is the same stage in a run that only looks.
func (l lookStep) observed(stage string) converge.Stage {
	return converge.Stage{Name: stage, Tracks: []converge.Track{converge.Observe("", struct{}{}, converge.Step[struct{}, struct{}](l))}}
}
