package k3s

import (
	"context"
	"fmt"

	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/converge"
	"github.com/k3sedge/k3sedge/provision/machine"
)

// checkFounder finds a cluster that runs without the server that is to begin
// it: that one would begin a second, and all others would be told to join it.
func checkFounder(ctx context.Context, v *view, now *seen) ([]converge.Change, error) {
	if v != v.first {
		return nil, nil
	}
	if started, err := v.everStarted(now); started || err != nil {
		return nil, err
	}
	token, err := now.file(serverTokenPath) // where it was started, and we did not hear the end of it
	if err != nil || !token.Absent {
		return nil, err
	}
	for _, other := range v.views {
		if other == v || other.node.Role != inventory.Server {
			continue
		}
		there, err := other.seen(ctx)
		if err != nil {
			return nil, err
		}
		if started, err := other.everStarted(there); started || err != nil {
			return change(other.node.Name, "is part of a cluster", "joins that of "+v.node.Name), err
		}
	}
	return nil, nil
}

func founderError(node string, is converge.Change) error {
	return machine.WithHint(fmt.Errorf("%s %s already, and %s would begin a second one", is.ID, is.Have, node),
		"put %s before %s in nodes: the first server is the one that the others join", is.ID, node)
}
