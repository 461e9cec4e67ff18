package k3s

import (
	"context"

	"github.com/k3sedge/k3sedge/provision/converge"
)

// check compares what was seen of the node with what is wanted.
type check func(context.Context, *view, *seen) ([]converge.Change, error)

// step is a converge.Step made of two functions.
type step struct {
	id    string
	check check
	apply func(context.Context, *hands) error
}

var _ converge.Step[*view, *hands] = step{}

// ID returns the step's id.
func (s step) ID() string { return s.id }

// Check looks.
func (s step) Check(ctx context.Context, v *view) ([]converge.Change, error) {
	return s.check.of(ctx, v)
}

func (c check) of(ctx context.Context, v *view) ([]converge.Change, error) {
	now, err := v.seen(ctx)
	if err != nil {
		return nil, err
	}
	return c(ctx, v, now)
}

// refuse is the Apply of a check whose differences only the user can mend.
func refuse(c check, why func(node string, is converge.Change) error) func(context.Context, *hands) error {
	return func(ctx context.Context, h *hands) error {
		left, err := c.of(ctx, h.view)
		if err != nil || len(left) == 0 {
			return err
		}
		return why(h.node.Name, left[0])
	}
}

// Apply changes.
func (s step) Apply(ctx context.Context, h *hands) error { return s.apply(ctx, h) }

type steps = []converge.Step[*view, *hands]

// fileSteps make sure that K3s can run on the node, and bring its large files.
// Nothing that runs notices.
func fileSteps() steps {
	return steps{
		step{"k3s/role", checkRole, refuse(checkRole, roleError)},
		step{"k3s/founder", checkFounder, refuse(checkFounder, founderError)},
		step{"k3s/clock", checkClock, refuse(checkClock, clockError)},
		step{"k3s/version", checkVersion, refuse(checkVersion, versionError)},
		step{"k3s/ports", checkPorts, refuse(checkPorts, portsError)},
		step{"k3s/kernel", checkKernel, refuse(checkKernel, kernelError)},
		step{"k3s/space", checkSpace, refuse(checkSpace, spaceError)},
		step{"k3s/binary", checkBinary, uploadBinary},
		step{"k3s/images", checkImages, uploadImages},
	}
}

// nodeSteps make the node a member of the cluster, in this order.
func nodeSteps() steps {
	return steps{
		step{"k3s/logs", checkLogs, makeLogs},
		step{"k3s/policies", checkPolicies, writePolicies},
		step{"k3s/config", checkConfig, writeConfig},
		step{"k3s/unit", checkUnit, writeUnit},
		step{"k3s/manifests", checkManifests, writeManifests},
		step{"k3s/running", checkRunning, start},
		step{"k3s/ready", checkReady, waitReady},
	}
}

// overlaySteps come when all nodes are ready.
func overlaySteps() steps {
	return steps{step{"k3s/overlay", checkOverlay, waitOverlay}}
}

func change(id, have, want string) []converge.Change {
	return []converge.Change{{ID: id, Have: have, Want: want}}
}
