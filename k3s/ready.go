package k3s

import (
	"context"
	"fmt"
	"time"

	"github.com/k3sedge/k3sedge/provision/cluster"
	"github.com/k3sedge/k3sedge/provision/converge"
	"github.com/k3sedge/k3sedge/provision/machine"
)

// readyLimit is the time from then until the cluster says that it takes pods.
const readyLimit = 5 * time.Minute

func checkReady(ctx context.Context, v *view, _ *seen) ([]converge.Change, error) {
	files, err := v.release(ctx)
	if err != nil {
		return nil, err
	}
	n, err := v.object(ctx)
	switch {
	case cluster.NotFound(err):
		return change("node", "not in the cluster", "Ready"), nil
	case err != nil:
		return nil, machine.WithHint(err, "see `sudo systemctl status %s` on %s", unitOf(v.first.node.Role), v.first.node.Name)
	}
	if ok, why := n.ready(); !ok {
		return change("node", why, "Ready"), nil
	}
	if have := n.Status.NodeInfo.KubeletVersion; have != files.Version {
		return change("version", have, files.Version), nil
	}
	return nil, nil
}

// waitReady waits until the cluster says that the node is ready, with the
// version that was started.
func waitReady(ctx context.Context, h *hands) error {
	const patience = time.Minute // a kubelet tells its version when it starts
	begun := h.Now()
	return h.watch(ctx, h.node.Name+" to be Ready", readyLimit, func(ctx context.Context) (progress, error) {
		left, err := checkReady(ctx, h.view, nil)
		switch {
		case cluster.Away(err):
			return progress{state: "the API does not answer"}, nil
		case err != nil:
			return progress{}, err
		case len(left) == 0:
			return progress{ok: true}, nil
		case left[0].ID == "version" && h.Now().Sub(begun) > patience:
			return progress{}, machine.WithHint(fmt.Errorf("K3s calls itself %s, not %s", left[0].Have, left[0].Want),
				"k3s.version and the binary do not belong together: see k3s.binary and k3s.bundle")
		}
		return progress{state: left[0].Have}, nil
	})
}
