package hardening

import (
	"context"
	"slices"

	"github.com/k3sedge/k3sedge/hardening/facts"
	"github.com/k3sedge/k3sedge/provision/converge"
	"github.com/k3sedge/k3sedge/provision/machine"
)

// Looker is a host that can be looked at: all that an audit may do is read
// and, where it is missing, put the agent in its place.
type Looker interface {
	machine.Reader
	machine.Placer
}

// commonArch is tried first, so that a warm audit of the usual machine is one round trip.
const commonArch = "amd64"

// Audit asks the host for its facts and every control of hosts for its
// answer. It changes nothing but the agent's file, and that only where it is
// missing or damaged, and what a walk over the disks has found, where the
// policy asks for one.
func Audit(ctx context.Context, target Looker, p Policy) (Report, error) {
	f, _, err := askHost(ctx, target, p)
	if err != nil {
		return Report{}, err
	}
	return judgeAll(p.hostControls(), f, p), nil
}

// AuditAll is Audit with the controls on the cluster, which rest on one look
// at its API that all nodes share.
func AuditAll(ctx context.Context, target Looker, p Policy, asked *ClusterLook) (Report, error) {
	p.whole = true
	f, _, err := askHost(ctx, target, p)
	if err != nil {
		return Report{}, err
	}
	asked.into(ctx, f)
	return Judge(f, p), nil
}

// ofCluster reports whether a control can be judged only where K3s runs.
func (c Control) ofCluster() bool { return slices.Contains(c.Needs, PartCluster) }

// askHost returns the facts and the path of the agent that told them.
func askHost(ctx context.Context, target Looker, p Policy) (*facts.Facts, string, error) {
	path, err := p.Agents.Path(commonArch)
	if err != nil {
		return nil, "", err
	}
	f, err := ask(ctx, target, path, p.request())
	if !mayBeBroken(err) {
		return f, path, err
	}
	converge.Waiting(ctx, "the node agent to be placed", "")
	return placeAndAsk(ctx, target, p, path)
}
