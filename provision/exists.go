package provision

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/converge"
	"github.com/k3sedge/k3sedge/provision/machine"
)

func checkExists(ctx context.Context, v *view) ([]converge.Change, error) {
	s, err := v.look(ctx)
	switch {
	case err != nil:
		return nil, err
	case s.Present:
		return nil, nil
	case s.Busy:
		return change("vm", fmt.Sprintf("VM %d is being made", s.VMID), "made"), nil
	}
	return change("vm", "absent", fmt.Sprintf("%d CPUs, %d MiB, disk %d MiB, %s on node %s",
		v.node.CPUs, v.node.Memory/inventory.MiB, v.node.Disk/inventory.MiB, v.node.Address, v.settings.Node)), nil
}

var (
	errAddressTaken = errors.New("address already in use on the LAN")
	errRangeFull    = errors.New("every number of provider.proxmox.vmids is taken")
)

// makeVM makes the VM, or adopts the one that an earlier run began.
func makeVM(ctx context.Context, h *hands) error {
	s, err := h.look(ctx)
	if err != nil {
		return err
	}
	if s.Busy {
		if err := h.awaitUnlock(ctx, s.VMID); err != nil {
			return err
		}
		if s, err = h.look(ctx); err != nil || s.Present {
			return err
		}
	}
	if err := h.probe(ctx); err != nil {
		return err
	}
	return h.createSomewhere(ctx)
}

// awaitUnlock waits until a VM that an earlier run was making is made. Its
// task is not known: the run was killed before the answer came.
func (h *hands) awaitUnlock(ctx context.Context, id int) error {
	h.forget()
	return converge.Wait{What: fmt.Sprintf("VM %d, which an earlier run began to make", id), Every: h.tasks.every, Limit: 30 * time.Minute, Cause: "a large image, or a slow storage"}.Until(ctx,
		func(ctx context.Context) (bool, string, error) {
			config, err := h.api.VMConfig(ctx, id)
			var answer *APIError
			if errors.As(err, &answer) {
				return true, "", nil // it failed and was taken back
			}
			return err == nil && config.Lock == "", "lock: " + config.Lock, err
		})
}

// probeTime is how long a machine on the same LAN may take to answer.
const probeTime = 1500 * time.Millisecond

// probe fails when something answers at the address of a machine of ours that
// does not run.
func (h *hands) probe(ctx context.Context) error {
	if h.probed || h.prober == nil {
		return nil
	}
	short, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	at := netip.AddrPortFrom(h.node.Address, uint16(h.cluster.SSH.Port))
	taken, err := h.prober.Answers(short, at)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		return fmt.Errorf("look whether %s is free: %w", at.Addr(), err)
	}
	if taken {
		return machine.WithHint(fmt.Errorf("%s: %w, and node %s does not run yet", at.Addr(), errAddressTaken, h.node.Name),
			"give node %s another nodes[].address, or switch off what has it; is it in use by this node's VM under another id?", h.node.Name)
	}
	h.probed = true
	return nil
}

// createSomewhere tries numbers until one is free. The create call itself is
// the test: a list does not show what the token may not see.
func (h *hands) createSomewhere(ctx context.Context) error {
	vms, err := h.api.VMs(ctx)
	if err != nil {
		return fmt.Errorf("list the VMs: %w", err)
	}
	taken := map[int]bool{}
	for _, vm := range vms {
		taken[vm.VMID] = true
	}
	index := slices.IndexFunc(h.cluster.Nodes, func(n inventory.Node) bool { return n.Name == h.node.Name })
	for {
		id := h.numbers.next(h.node.Name, max(index, 0), taken)
		if id == 0 {
			return machine.WithHint(errRangeFull, "widen provider.proxmox.vmids (now %d to %d)", h.settings.VMIDs.First, h.settings.VMIDs.Last)
		}
		journaled, made := h.acts.vmid(h.node.Name)
		known, asked := made && journaled == id, h.acts.unanswered(h.node.Name, id)
		err := h.create(ctx, id)
		if !isTaken(err) {
			return err
		}
		if asked {
			if err := h.awaitUnseen(ctx, id, 5*time.Minute, err); err != nil {
				return err
			}
		}
		if s, look := h.inspect(ctx, id); look == nil && s.Present {
			h.forget()
			return nil // a request of a killed run has been served after all
		}
		if known {
			return machine.WithHint(err, "VM %d of node %s is not to be seen on node %s: was it moved to another node of the Proxmox cluster (provider.proxmox.node), or taken out of its pool (provider.proxmox.pool)? If it was destroyed and its number given away, remove .k3sedge/journal.jsonl", id, h.node.Name, h.settings.Node)
		}
		taken[id] = true
	}
}

// awaitUnseen waits until it can be told whose a VM is that may be ours:
// Proxmox adds a VM to its pool last of all, so that a token whose rights hang
// on the pool is refused every look until then. taken, if any, is how Proxmox
// said that the VM is there.
func (h *hands) awaitUnseen(ctx context.Context, id int, limit time.Duration, taken error) error {
	wait := converge.Wait{What: fmt.Sprintf("VM %d, which an earlier run asked for", id), Every: h.tasks.every, Limit: limit, Cause: "a large image, or a slow storage"}
	err := wait.Until(ctx, func(ctx context.Context) (bool, string, error) {
		s, err := h.inspect(ctx, id)
		var answer *APIError
		if errors.As(err, &answer) {
			return false, "not to be seen yet", nil
		}
		return err == nil && !s.Busy, "being made", err
	})
	if err == nil || ctx.Err() != nil {
		return err
	}
	return machine.WithHint(errors.Join(taken, err), "see in Proxmox whether its task qmcreate %d still runs, and run the same command again when it has ended; if there is no VM %d, or if it is a stranger's, remove .k3sedge/journal.jsonl", id, id)
}

func (h *hands) create(ctx context.Context, id int) error {
	p := h.settings
	options := Options{"name": h.node.Name, "description": note{Mark: h.mark(), Phase: phaseMade}.String()}
	if p.Pool != "" {
		options["pool"] = p.Pool
	}
	return h.act(ctx, verbCreate, id, func(ctx context.Context) (UPID, error) {
		if p.Template != 0 {
			return h.do.CloneVM(ctx, p.Template, id, options)
		}
		for name, value := range newVM(p, h.node) {
			options[name] = value
		}
		return h.do.CreateVM(ctx, id, options)
	})
}

// newVM are the options that an image needs and a template brings along.
func newVM(p inventory.Proxmox, n inventory.Node) Options {
	options := Options{
		"ostype": "l26",
		"scsihw": "virtio-scsi-single",
		"scsi0":  fmt.Sprintf("%s:0,import-from=%s,discard=on", p.Storage.Disks, imageVolume(p)),
		"boot":   "order=scsi0",
		"net0":   "virtio," + bridgeOption(p),
	}
	for _, s := range settingsOf(n) {
		options[s.option] = s.value
	}
	return options
}

func bridgeOption(p inventory.Proxmox) string {
	if p.VLAN == 0 {
		return "bridge=" + p.Bridge
	}
	return fmt.Sprintf("bridge=%s,tag=%d", p.Bridge, p.VLAN)
}
