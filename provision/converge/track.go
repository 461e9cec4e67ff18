package converge

import (
	"context"
	"slices"
)

// Track is the steps of one subject, one after the other. It is made by
// Observe or Bind.
type Track struct {
	subject string
	steps   []bound
}

// bound is a step together with what it looks at and, unless it is only
// observed, with what it changes.
type bound struct {
	id    string
	check func(context.Context) ([]Change, error)
	apply func(context.Context) error
}

// Observe makes a track that can only look.
func Observe[R, W any](subject string, r R, steps ...Step[R, W]) Track {
	t := Track{subject: subject}
	for _, s := range steps {
		t.steps = append(t.steps, bound{id: s.ID(), check: func(ctx context.Context) ([]Change, error) { return s.Check(ctx, r) }})
	}
	return t
}

// Then appends the steps of another track of the same subject.
func (t Track) Then(more Track) Track {
	t.steps = slices.Concat(t.steps, more.steps)
	return t
}

// Bind makes a track that looks, changes and looks again.
func Bind[R, W any](subject string, r R, w W, steps ...Step[R, W]) Track {
	t := Observe(subject, r, steps...)
	for i, s := range steps {
		t.steps[i].apply = func(ctx context.Context) error { return s.Apply(ctx, w) }
	}
	return t
}
