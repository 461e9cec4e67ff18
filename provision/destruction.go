package provision

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/converge"
	"github.com/k3sedge/k3sedge/provision/machine"
)

// Destroy stops and destroys the VMs of a plan, one after the other,
// overwrites seeds that may still hold a key, and forgets the host keys. A VM
// that has changed hands since the plan is left alone. stop, when closed, lets
// the VM at hand go and spares the next.
func (p *Proxmox) Destroy(ctx context.Context, stop <-chan struct{}, reporter converge.Reporter, doomed []Doomed) error {
	var errs []error
	for _, d := range doomed {
		h := p.outside(inventory.Node{Name: d.Node}, nil)
		track := converge.Bind[*hands, *hands](d.Node, h, h, &destruction{Doomed: d})
		_, err := converge.Run(ctx, stop, reporter, converge.Stage{Name: fmt.Sprintf("destroy VM %d", d.VMID), Tracks: []converge.Track{track}})
		errs = append(errs, err)
		if errors.Is(err, converge.ErrStopped) || ctx.Err() != nil {
			break
		}
	}
	return errors.Join(errs...)
}

// destruction is the step that takes one VM away.
type destruction struct {
	Doomed
	destroyed bool // Proxmox said so
}

// ID returns machine/destroyed.
func (*destruction) ID() string { return "machine/destroyed" }

// Check looks whether the VM is still the one of the plan. Afterwards it must
// not be listed any more; a token whose rights hang on the pool cannot ask for
// more about a VM that is gone.
func (d *destruction) Check(ctx context.Context, h *hands) ([]converge.Change, error) {
	if d.destroyed {
		vms, err := h.api.VMs(ctx)
		if err != nil {
			return nil, fmt.Errorf("list the VMs: %w", err)
		}
		if !slices.ContainsFunc(vms, func(vm VM) bool { return vm.VMID == d.VMID && vm.Name == d.Name }) {
			return nil, nil
		}
	} else if _, err := h.condemned(ctx, d.Doomed); err != nil {
		return nil, fmt.Errorf("destroy VM %d: %w", d.VMID, err)
	}
	return change(fmt.Sprintf("VM %d", d.VMID), "there", "destroyed"), nil
}

// Apply stops and destroys it.
func (d *destruction) Apply(ctx context.Context, h *hands) error {
	s, err := h.condemned(ctx, d.Doomed)
	if err != nil {
		return fmt.Errorf("destroy VM %d: %w", d.VMID, err)
	}
	if s.Running {
		if err := h.act(ctx, verbStop, d.VMID, func(ctx context.Context) (UPID, error) { return h.do.Stop(ctx, d.VMID) }); err != nil {
			return err
		}
	}
	if s.Note.Phase == phaseSeeded {
		if err := h.overwriteSeed(ctx, d.VMID); err != nil {
			return err
		}
	}
	err = h.act(ctx, verbDestroy, d.VMID, func(ctx context.Context) (UPID, error) { return h.do.DestroyVM(ctx, d.VMID) })
	if apiErrorMatches(err, protectedText) {
		return machine.WithHint(err, "VM %d is protected in Proxmox: take the protection off (Options) and run k3sedge down again", d.VMID)
	}
	if err != nil {
		return err
	}
	d.destroyed = true
	if err := h.pinning.Forget(d.Node); err != nil {
		return fmt.Errorf("forget the host key of %s: %w", d.Node, err)
	}
	return nil
}

// condemned looks whether the VM is still the one of the plan.
func (h *hands) condemned(ctx context.Context, d Doomed) (sight, error) {
	s, err := h.inspect(ctx, d.VMID)
	if err != nil {
		return sight{}, err
	}
	if !s.Present || s.Note.Mark.String() != d.Mark || s.Config.Name != d.Name {
		return sight{}, h.notOurs(d.VMID, s.Config.Name, s.Note.Mark.text())
	}
	status, err := h.api.VMStatus(ctx, d.VMID)
	s.Running = status.Running()
	return s, err
}
