//go:build linux

package lab

import (
	"context"
	"fmt"
)

// Snapshot implements fakepve.Disks. A machine that runs is frozen meanwhile:
// the copy is what a disk holds when the power fails.
func (f *fleet) Snapshot(ctx context.Context, vmid int, name string) (err error) {
	id := vmID(vmid)
	defer f.hold(id)()
	if f.current(id) != nil {
		if err := f.hardware.pause(ctx, id, true); err != nil {
			return err
		}
		defer func() {
			if thaw := f.hardware.pause(context.WithoutCancel(ctx), id, false); err == nil {
				err = thaw
			}
		}()
	}
	return f.lab.folder(id).snapshot(ctx, name)
}

// Rollback implements fakepve.Disks.
func (f *fleet) Rollback(ctx context.Context, vmid int, name string) error {
	return f.still(vmid, func(dir folder) error { return dir.rollback(ctx, name) })
}

// DropSnapshot implements fakepve.Disks.
func (f *fleet) DropSnapshot(_ context.Context, vmid int, name string) error {
	id := vmID(vmid)
	defer f.hold(id)()
	return f.lab.folder(id).drop(name)
}

// Clone implements fakepve.Disks.
func (f *fleet) Clone(ctx context.Context, from, to int) error {
	defer f.hold(vmID(from))()
	source := f.lab.folder(vmID(from)).path("upper")
	return f.still(to, func(dir folder) error { return copyTree(ctx, source, dir.path("upper")) })
}

// Remove implements fakepve.Disks.
func (f *fleet) Remove(_ context.Context, vmid int) error {
	return f.still(vmid, func(dir folder) error { return removeTree(string(dir)) })
}

// still changes the disk of a machine that is off.
func (f *fleet) still(vmid int, change func(folder) error) error {
	id := vmID(vmid)
	defer f.hold(id)()
	if f.current(id) != nil {
		return fmt.Errorf("change the disk of machine %s: it runs", id)
	}
	return change(f.lab.folder(id))
}
