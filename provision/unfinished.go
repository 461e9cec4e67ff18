package provision

import (
	"context"
	"errors"

	"github.com/k3sedge/k3sedge/provision/converge"
)

// checkUnfinished finds tasks that an earlier run began and did not see end.
func checkUnfinished(_ context.Context, v *view) ([]converge.Change, error) {
	var out []converge.Change
	for _, a := range v.acts.open(v.node.Name) {
		if a.Task != "" {
			out = append(out, converge.Change{ID: sentence(a.Verb, a.VMID), Have: "begun by an earlier run", Want: "ended"})
		}
	}
	return out, nil
}

// finish waits for them. How they ended does not matter here: the steps that
// follow look for themselves.
func finish(ctx context.Context, h *hands) error {
	for _, a := range h.acts.open(h.node.Name) {
		if a.Task == "" {
			continue
		}
		err := h.settle(ctx, a)
		var failed *TaskError
		switch {
		case err == nil:
		case errors.As(err, &failed):
			converge.Waiting(ctx, "an earlier run's task failed and is done again", failed.Exit)
		case isUnseen(err), errors.Is(err, errUPID): // Proxmox does not know it any more
			a.State = actFailed
			if err := h.journal.record(a); err != nil {
				return err
			}
		default:
			return err
		}
	}
	h.forget()
	return nil
}
