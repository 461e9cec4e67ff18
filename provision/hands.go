package provision

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/k3sedge/k3sedge/provision/converge"
	"github.com/k3sedge/k3sedge/provision/machine"
)

// The verbs of the journal.
const (
	verbCreate       = "create"
	verbConfigure    = "configure"
	verbResize       = "resize"
	verbStart        = "start"
	verbStop         = "stop"
	verbDestroy      = "destroy"
	verbUpload       = "upload"
	verbDownload     = "download"
	verbSnapshot     = "snapshot"
	verbDropSnapshot = "delete the snapshot of"
)

// hands is a view that may also change things.
type hands struct {
	*view
	do         API
	journal    *journal
	pinning    Pins
	host       GuestHost
	prober     Prober
	numbers    *numbers
	tasks      waiter
	newHostKey func() (machine.HostKey, error)
	pauses     []time.Duration // before a request is repeated that a lock kept from beginning
	probed     bool            // the address was free in this run, before our VM existed
}

// act asks Proxmox for a change and waits for its task. The journal knows of
// it before, while and after. What a lock kept from beginning is asked again;
// what was lost on the way never is.
func (h *hands) act(ctx context.Context, verb string, vmid int, ask func(context.Context) (UPID, error)) error {
	for attempt := 0; ; attempt++ {
		err := h.once(ctx, act{Verb: verb, VMID: vmid}, ask)
		if err == nil {
			return nil
		}
		if attempt == len(h.pauses) || !isLockTimeout(err) {
			return fmt.Errorf("%s: %w", sentence(verb, vmid), err)
		}
		converge.Waiting(ctx, "a lock of Proxmox", "another task uses the storage")
		if !converge.Pause(ctx, h.pauses[attempt]) {
			return fmt.Errorf("%s: %w", sentence(verb, vmid), context.Cause(ctx))
		}
	}
}

// sentence is an act in words.
func sentence(verb string, vmid int) string {
	switch {
	case verb == verbUpload:
		return fmt.Sprintf("upload the seed of VM %d", vmid)
	case vmid == 0:
		return verb + " the image"
	}
	return fmt.Sprintf("%s VM %d", verb, vmid)
}

func (h *hands) once(ctx context.Context, a act, ask func(context.Context) (UPID, error)) error {
	h.forget()
	defer h.forget()
	a.ID, a.Node, a.State = h.journal.newID(), h.node.Name, actIntent
	if err := h.journal.record(a); err != nil {
		return err
	}
	id, err := ask(ctx)
	if err != nil {
		return errors.Join(err, h.refused(a, err))
	}
	a.Task, a.State = id, actStarted
	if err := h.journal.record(a); err != nil {
		return fmt.Errorf("task %s goes on in Proxmox: %w", id, err)
	}
	return h.settle(ctx, a)
}

// refused closes an act that Proxmox did not begin. Where no answer came, it
// may have begun, so that the act stays open.
func (h *hands) refused(a act, err error) error {
	var answer *APIError
	if !errors.As(err, &answer) || answer.Status == 595 || answer.Status == 596 {
		return nil
	}
	a.State = actFailed
	return h.journal.record(a)
}

// settle waits for the task of an act and writes down how it ended.
func (h *hands) settle(ctx context.Context, a act) error {
	err := h.tasks.wait(ctx, a.Task)
	var failed *TaskError
	switch {
	case err == nil:
		a.State = actDone
	case errors.As(err, &failed):
		a.State = actFailed
	default:
		return err // still open: nobody knows how it ended
	}
	return errors.Join(err, h.journal.record(a))
}
