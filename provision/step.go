package provision

import (
	"context"

	"github.com/k3sedge/k3sedge/provision/converge"
)

// step is a converge.Step made of two functions.
type step struct {
	id    string
	check func(context.Context, *view) ([]converge.Change, error)
	apply func(context.Context, *hands) error
}

var _ converge.Step[*view, *hands] = step{}

// ID returns the step's id.
func (s step) ID() string { return s.id }

// Check looks.
func (s step) Check(ctx context.Context, v *view) ([]converge.Change, error) { return s.check(ctx, v) }

// Apply changes.
func (s step) Apply(ctx context.Context, h *hands) error { return s.apply(ctx, h) }

// machineSteps make one VM, in this order.
func machineSteps() []converge.Step[*view, *hands] {
	return []converge.Step[*view, *hands]{
		step{"machine/unfinished", checkUnfinished, finish},
		step{"machine/exists", checkExists, makeVM},
		step{"machine/config", checkConfig, applyConfig},
		step{"machine/disk", checkDisk, growDisk},
		step{"machine/seed", checkSeed, attachSeed},
		step{"machine/started", checkStarted, startVM},
		step{"machine/host-key-pinned", checkPinned, pinFromAgent},
		step{"machine/ready", checkReady, nothing},
		step{"machine/host-key", checkHostKey, rotateHostKey},
		step{"machine/seed-blanked", checkBlanked, blankSeed},
	}
}

// imageSteps bring what the VMs are made of.
func imageSteps() []converge.Step[*view, *hands] {
	return []converge.Step[*view, *hands]{
		step{"image/unfinished", checkUnfinished, finish},
		step{"image/present", checkImage, fetchImage},
	}
}

// nothing is the Apply of a step whose Check waits until it holds.
func nothing(context.Context, *hands) error { return nil }

func change(id, have, want string) []converge.Change {
	return []converge.Change{{ID: id, Have: have, Want: want}}
}
