package provision

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/converge"
	"github.com/k3sedge/k3sedge/provision/machine"
)

// beforeHarden is the snapshot of a VM as it was before its first hardening.
const beforeHarden = "k3sedge-before-harden"

// snapshotNote begins the description of a snapshot that is ours to delete.
const snapshotNote = "Made by k3sedge, which deletes it when the hardening is proven."

// Rescue reaches the VM of one node past the VM's network. Whatever it does,
// it does to a VM only whose number, name and mark say that it is the node's.
type Rescue struct{ h *hands }

// Rescue reaches the VM of a node.
func (p *Proxmox) Rescue(n inventory.Node) Rescue { return Rescue{p.outside(n, nil)} }

// Keep takes the snapshot, unless there is one already, and says how to go
// back to it.
func (r Rescue) Keep(ctx context.Context) (wayBack string, err error) {
	s, err := r.h.present(ctx)
	if err != nil {
		return "", err
	}
	wayBack = fmt.Sprintf("`qm rollback %d %s && qm start %d` on %s, or Snapshots of VM %d in Proxmox", s.VMID, beforeHarden, s.VMID, r.h.settings.Node, s.VMID)
	kept, err := r.h.kept(ctx, s.VMID)
	switch {
	case err != nil:
		return "", err
	case kept != nil && !kept.ours():
		return "", machine.WithHint(fmt.Errorf("VM %d has a snapshot %s that k3sedge has not made", s.VMID, beforeHarden), "give yours another name, or delete it")
	case kept != nil:
		return wayBack, nil
	}
	want := Snapshot{beforeHarden, snapshotNote + " It is " + r.h.node.Name + " as it was before its first hardening."}
	err = r.h.act(ctx, verbSnapshot, s.VMID, func(ctx context.Context) (UPID, error) { return r.h.do.TakeSnapshot(ctx, s.VMID, want) })
	if cannotSnapshot(err) {
		return "", machine.WithHint(err, "storage %s cannot make snapshots; lvmthin, zfspool and qcow2 files can", r.h.settings.Storage.Disks)
	}
	return wayBack, err
}

// Drop deletes the snapshot. One that is not there is no error.
func (r Rescue) Drop(ctx context.Context) error {
	s, err := r.h.present(ctx)
	if err != nil {
		return err
	}
	kept, err := r.h.kept(ctx, s.VMID)
	if err != nil || kept == nil || !kept.ours() {
		return err
	}
	return r.h.act(ctx, verbDropSnapshot, s.VMID, func(ctx context.Context) (UPID, error) { return r.h.do.DropSnapshot(ctx, s.VMID, beforeHarden) })
}

// kept finds the snapshot, nil where there is none.
func (v *view) kept(ctx context.Context, vmid int) (*Snapshot, error) {
	all, err := v.api.Snapshots(ctx, vmid)
	if err != nil {
		return nil, fmt.Errorf("list the snapshots of VM %d: %w", vmid, err)
	}
	i := slices.IndexFunc(all, func(s Snapshot) bool { return s.Name == beforeHarden })
	if i < 0 {
		return nil, nil
	}
	return &all[i], nil
}

// ours says whether we made it: a user may have chosen the name as well.
func (s Snapshot) ours() bool { return strings.HasPrefix(s.Description, snapshotNote) }

// errNoPID is an agent that started nothing and did not say why.
var errNoPID = errors.New("the guest agent gave no number of a process")

// guestTime is how long a program in a VM may take: the way back has two minutes.
const guestTime = 150 * time.Second

// Exec runs a program as root in the VM, through its guest agent.
func (r Rescue) Exec(ctx context.Context, argv ...string) (machine.Output, error) {
	s, err := r.h.present(ctx)
	if err != nil {
		return machine.Output{}, err
	}
	order := strings.Join(argv, " ")
	pid, err := r.h.do.AgentExec(ctx, s.VMID, argv)
	if err == nil && pid == 0 {
		err = errNoPID
	}
	if err != nil {
		return machine.Output{}, fmt.Errorf("run %s in VM %d through its guest agent: %w", order, s.VMID, err)
	}
	var p GuestProgram
	wait := converge.Wait{What: order + " in VM " + fmt.Sprint(s.VMID), Every: r.h.tasks.every, Limit: guestTime}
	err = wait.Until(ctx, func(ctx context.Context) (bool, string, error) {
		p, err = r.h.do.AgentExecStatus(ctx, s.VMID, pid)
		return p.Ended, "", err
	})
	if err != nil {
		return machine.Output{}, err
	}
	out := machine.Output{Stdout: []byte(p.Out), Stderr: []byte(p.Stderr)}
	if p.Code != 0 {
		return out, &machine.ExitError{Command: order, Code: p.Code, Stderr: p.Stderr}
	}
	return out, nil
}

// Left takes away the snapshot that a run left behind which was killed after
// its hardening was proven. It belongs behind the hardening.
func (p *Proxmox) Left(n inventory.Node) converge.Track {
	h := p.outside(n, nil)
	return converge.Bind(n.Name, h.view, h, leftStep())
}

// PlanLeft looks for the same.
func (p *Proxmox) PlanLeft(n inventory.Node) converge.Track {
	return converge.Observe(n.Name, p.view(n, nil), leftStep())
}

func leftStep() converge.Step[*view, *hands] {
	return step{"machine/snapshot-deleted", checkLeft, func(ctx context.Context, h *hands) error { return Rescue{h}.Drop(ctx) }}
}

// checkLeft asks for snapshots only where the VM has any.
func checkLeft(ctx context.Context, v *view) ([]converge.Change, error) {
	s, err := v.present(ctx)
	if err != nil || s.Config.Devices["parent"] == "" {
		return nil, err
	}
	kept, err := v.kept(ctx, s.VMID)
	if err != nil || kept == nil || !kept.ours() {
		return nil, err
	}
	return change("snapshot "+beforeHarden, "left from an earlier run", "deleted: the hardening is proven"), nil
}
