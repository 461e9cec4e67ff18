package k3s

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

type steps = []converge.Step[*view, *hands]

// fileSteps make sure that K3s can run on the node, and bring its large files.
// Nothing that runs notices.
func fileSteps() steps {
	return steps{
		step{"k3s/role", checkRole, refuseRole},
		step{"k3s/clock", checkClock, refuseClock},
		step{"k3s/version", checkVersion, refuseVersion},
		step{"k3s/ports", checkPorts, refusePorts},
		step{"k3s/kernel", checkKernel, refuseKernel},
		step{"k3s/space", checkSpace, refuseSpace},
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
