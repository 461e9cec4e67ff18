package provision

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/k3sedge/k3sedge/inventory"
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
