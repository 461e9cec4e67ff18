package hardening

import (
	"context"

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

// Audit asks the host for its facts and every control for its answer. It
// changes nothing but the agent's file, and that only where it is missing or
// damaged.
func Audit(ctx context.Context, target Looker, p Policy) (Report, error) {
	f, _, err := look(ctx, target, p)
	if err != nil {
		return Report{}, err
	}
	return Judge(f, p), nil
}

// look returns the facts and the path of the agent that told them.
func look(ctx context.Context, target Looker, p Policy) (*facts.Facts, string, error) {
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
