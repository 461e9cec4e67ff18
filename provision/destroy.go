package provision

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/machine"
)

// Doomed is a VM that Destroy will destroy, with all that makes it ours.
type Doomed struct {
	Node, Name, Mark string
	VMID             int
	Disks            []string
	Running          bool
}

// DestroyPlan lists the cluster's VMs, those of nodes that are no longer in
// the inventory too. The image on its storage stays. What a killed run began
// is waited for: a VM that is being made cannot be recognized yet.
func (p *Proxmox) DestroyPlan(ctx context.Context) ([]Doomed, error) {
	for _, n := range p.cfg.Cluster.Nodes {
		if err := p.awaitEarlier(ctx, n); err != nil {
			return nil, fmt.Errorf("wait for what an earlier run began for node %s: %w", n.Name, err)
		}
	}
	vms, err := p.api.VMs(ctx)
	if err != nil {
		return nil, fmt.Errorf("list the VMs: %w", err)
	}
	var doomed []Doomed
	for _, vm := range vms {
		if vm.VMID < p.settings.VMIDs.First || vm.VMID > p.settings.VMIDs.Last {
			continue
		}
		d, ours, err := p.doom(ctx, vm)
		if err != nil {
			return nil, err
		}
		if ours {
			doomed = append(doomed, d)
		}
	}
	return doomed, nil
}

func (p *Proxmox) awaitEarlier(ctx context.Context, n inventory.Node) error {
	h := p.outside(n, nil)
	if err := finish(ctx, h); err != nil {
		return err
	}
	s, err := h.look(ctx)
	switch {
	case err != nil, s.Present:
		return err
	case s.Busy:
		return h.awaitUnlock(ctx, s.VMID)
	}
	id, _ := h.acts.vmid(n.Name)
	if id == 0 || !h.acts.unanswered(n.Name, id) {
		return nil
	}
	if _, err := h.inspect(ctx, id); isAbsent(err) {
		return nil // this token would see it
	}
	return h.awaitUnseen(ctx, id, p.unseen, nil)
}

// doom judges one VM of our range.
func (p *Proxmox) doom(ctx context.Context, vm VM) (Doomed, bool, error) {
	config, err := p.api.VMConfig(ctx, vm.VMID)
	if err != nil {
		return Doomed{}, false, fmt.Errorf("read VM %d: %w", vm.VMID, err)
	}
	n, err := parseNote(config.Description)
	if err != nil {
		return Doomed{}, false, p.view(inventory.Node{Name: config.Name}, nil).notOurs(vm.VMID, config.Name, err.Error())
	}
	node := inventory.Node{Name: n.Mark.Node}
	if n.Mark.Cluster != p.cfg.Cluster.ID {
		// A foreign VM; unless its number or its name say otherwise.
		i := slices.IndexFunc(p.cfg.Cluster.Nodes, func(n inventory.Node) bool { return n.Name == config.Name })
		if i < 0 {
			return Doomed{}, false, nil
		}
		node = p.cfg.Cluster.Nodes[i]
	}
	s, err := p.view(node, nil).inspect(ctx, vm.VMID)
	if err != nil || !s.Present {
		return Doomed{}, false, err
	}
	return Doomed{Node: node.Name, Name: config.Name, Mark: n.Mark.String(), VMID: vm.VMID, Disks: disks(config), Running: vm.Running()}, true, nil
}

// disks are the volumes that go with the VM.
func disks(c VMConfig) []string {
	var out []string
	for _, name := range sortedKeys(c.Devices) {
		option := c.Devices[name]
		isDisk := slices.ContainsFunc([]string{"scsi", "virtio", "sata", "ide", "efidisk", "tpmstate", "unused"}, func(bus string) bool {
			rest, ok := strings.CutPrefix(name, bus)
			return ok && rest != "" && strings.Trim(rest, "0123456789") == ""
		})
		if isDisk && property(option, "media") != "cdrom" {
			volume, _, _ := strings.Cut(option, ",")
			out = append(out, volume)
		}
	}
	return out
}

// Destroy stops and destroys the VMs of a plan, overwrites seeds that may
// still hold a key, and forgets the host keys. A VM that has changed hands
// since the plan is left alone.
func (p *Proxmox) Destroy(ctx context.Context, doomed []Doomed) error {
	looks := make([]func(context.Context) error, len(doomed))
	for i, d := range doomed {
		looks[i] = func(ctx context.Context) error { return p.destroy(ctx, d) }
	}
	return errors.Join(together(ctx, looks...)...)
}

func (p *Proxmox) destroy(ctx context.Context, d Doomed) error {
	h := p.outside(inventory.Node{Name: d.Node}, nil)
	s, err := h.condemned(ctx, d)
	if err != nil {
		return fmt.Errorf("destroy VM %d: %w", d.VMID, err)
	}
	if s.Running {
		if err := h.act(ctx, verbStop, d.VMID, func(ctx context.Context) (UPID, error) { return p.api.Stop(ctx, d.VMID) }); err != nil {
			return err
		}
	}
	if s.Note.Phase == phaseSeeded {
		if err := h.overwriteSeed(ctx, d.VMID); err != nil {
			return err
		}
	}
	err = h.act(ctx, verbDestroy, d.VMID, func(ctx context.Context) (UPID, error) { return p.api.DestroyVM(ctx, d.VMID) })
	if apiErrorMatches(err, protectedText) {
		return machine.WithHint(err, "VM %d is protected in Proxmox: take the protection off (Options) and run k3sedge down again", d.VMID)
	}
	if err != nil {
		return err
	}
	if err := p.cfg.Pins.Forget(d.Node); err != nil {
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
