package cli

import (
	"context"

	"github.com/k3sedge/k3sedge/provision/converge"
)

// look is a step that only looks, so that what it waits for is shown, noted
// and timed as that of any other step is.
type look struct {
	id  string
	run func(context.Context) error
}

// ID returns the step's id.
func (l look) ID() string { return l.id }

// Check looks.
func (l look) Check(ctx context.Context, _ struct{}) ([]converge.Change, error) {
	return nil, l.run(ctx)
}

// Apply has nothing to do.
func (look) Apply(context.Context, struct{}) error { return nil }

// wanted is a stage that fails where the look does.
func (l look) wanted(stage string) converge.Stage {
	return converge.Stage{Name: stage, Tracks: []converge.Track{converge.Bind("", struct{}{}, struct{}{}, converge.Step[struct{}, struct{}](l))}}
}

// observed is the same stage in a run that only looks.
func (l look) observed(stage string) converge.Stage {
	return converge.Stage{Name: stage, Tracks: []converge.Track{converge.Observe("", struct{}{}, converge.Step[struct{}, struct{}](l))}}
}
