package chart

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/k3sedge/k3sedge/provision/cluster"
)

// Standing is what Helm made of a chart: why its last work failed, or "", and
// the releases that are not superseded, the oldest first.
func (r Ref) Standing(ctx context.Context, api cluster.Reader, status Status) (failed string, open []Release, err error) {
	if failed = status.Failed(); failed == "" {
		if failed, err = r.JobFailure(ctx, api); err != nil {
			return "", nil, err
		}
	}
	open, err = r.Releases(ctx, api)
	return failed, open, err
}

// Clearing forgets failed releases, so that an upgrade is tried again, and
// does so once: what fails after that has a cause which only the user can mend.
type Clearing struct{ done bool }

// Clear does nothing as long as the newest of the releases has not failed.
func (c *Clearing) Clear(ctx context.Context, api cluster.API, of Ref, open []Release) error {
	if len(open) == 0 || open[len(open)-1].Status != "failed" {
		return nil
	}
	if c.done {
		return fmt.Errorf("%s, again after the failed one was cleared away", open[len(open)-1])
	}
	c.done = true
	return of.Clear(ctx, api, open)
}

// Rollout is how far a DaemonSet's pods are, as its controller tells.
type Rollout struct {
	ObservedGeneration int64 `json:"observedGeneration"`
	Desired            int   `json:"desiredNumberScheduled"`
	Updated            int   `json:"updatedNumberScheduled"`
	Ready              int   `json:"numberReady"`
}

// On reports whether each of the nodes has its pod, ready and as wanted.
func (r Rollout) On(nodes int) bool {
	return r.Desired == nodes && r.Updated == nodes && r.Ready == nodes
}

// Unready tells each pod that is not ready, behind what was said before.
func Unready(pods []Pod) string {
	var out strings.Builder
	for _, p := range pods {
		if !p.Ready {
			fmt.Fprintf(&out, "; %s: %s", cmp.Or(p.Node, "unscheduled"), p.Reason)
		}
	}
	return out.String()
}
