//go:build linux

package lab

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
)

// snapshotForm is what Proxmox allows as the name of a snapshot.
var snapshotForm = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]{1,39}$`)

// folder is where one machine's disk and records are.
//
//	lower      the image, mounted read-only
//	upper      what the machine wrote
//	work       the overlay's own
//	root       lower and upper together: what the machine boots from
//	snapshots  copies of upper by name
type folder string

func (f folder) path(name string) string { return filepath.Join(string(f), name) }

// mount puts the machine's disk together.
func (f folder) mount(ctx context.Context, disk string) error {
	if err := f.unmount(); err != nil {
		return err
	}
	// An overlay that was not unmounted in order leaves a mark that forbids
	// the next mount; nothing else in work is worth keeping.
	if err := removeTree(f.path("work")); err != nil {
		return err
	}
	for _, name := range []string{"lower", "upper", "work", "root"} {
		if err := os.MkdirAll(f.path(name), 0o755); err != nil {
			return fmt.Errorf("make disk: %w", err)
		}
	}
	if _, err := run(ctx, "mount", "-t", "squashfs", "-o", "loop,ro", disk, f.path("lower")); err != nil {
		return fmt.Errorf("boot from %s: no bootable image of this lab: %w", filepath.Base(disk), err)
	}
	// volatile: nobody needs this disk after a crash of the whole machine.
	options := fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s,volatile", f.path("lower"), f.path("upper"), f.path("work"))
	if _, err := run(ctx, "mount", "-t", "overlay", "overlay", "-o", options, f.path("root")); err != nil {
		return errors.Join(fmt.Errorf("make disk: %w", err), f.unmount())
	}
	return nil
}

// unmount takes the disk apart; its content stays.
func (f folder) unmount() error {
	return errors.Join(unmountUnder(f.path("root")), unmountUnder(f.path("lower")))
}

// snapshot copies what the machine wrote. The machine must stand still.
func (f folder) snapshot(ctx context.Context, name string) error {
	if !snapshotForm.MatchString(name) {
		return fmt.Errorf("snapshot %q: not a name", name)
	}
	target := f.path("snapshots/" + name)
	if _, err := os.Lstat(target); err == nil {
		return fmt.Errorf("snapshot %s: there is one already", name)
	}
	return copyTree(ctx, f.path("upper"), target)
}

// rollback puts back what a snapshot kept.
func (f folder) rollback(ctx context.Context, name string) error {
	source := f.path("snapshots/" + name)
	if _, err := os.Lstat(source); err != nil || !snapshotForm.MatchString(name) {
		return fmt.Errorf("roll back: no snapshot %q", name)
	}
	return copyTree(ctx, source, f.path("upper"))
}

// drop forgets a snapshot.
func (f folder) drop(name string) error {
	source := f.path("snapshots/" + name)
	if _, err := os.Lstat(source); err != nil || !snapshotForm.MatchString(name) {
		return fmt.Errorf("delete snapshot: no snapshot %q", name)
	}
	return removeTree(source)
}

// copyTree makes target a copy of source, whole or not at all. cp keeps what
// an overlay lives on: device nodes and trusted attributes.
func copyTree(ctx context.Context, source, target string) error {
	fresh := target + ".new"
	if err := removeTree(fresh); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return fmt.Errorf("copy disk: %w", err)
	}
	var err error
	if _, statErr := os.Lstat(source); errors.Is(statErr, fs.ErrNotExist) {
		err = os.Mkdir(fresh, 0o755) // never started: it wrote nothing
	} else {
		_, err = run(ctx, "cp", "-a", "--reflink=auto", "--sparse=auto", source, fresh)
	}
	if err == nil {
		err = removeTree(target)
	}
	if err == nil {
		err = os.Rename(fresh, target)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("copy disk: %w", err), removeTree(fresh))
	}
	return nil
}
