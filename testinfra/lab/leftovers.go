//go:build linux

package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// leftovers names the machines of this lab that anything is left of: a
// process, a control group or a namespace. It does not rely on records, which
// a killed run may not have written.
func (l *Lab) leftovers() ([]string, error) {
	pids, err := processes()
	if err != nil {
		return nil, err
	}
	var names []string
	for _, pid := range pids {
		if name, ok := l.machineOf(arguments(pid)); ok {
			names = append(names, name)
		}
	}
	groups, err := l.cgroupNames()
	if err != nil {
		return nil, err
	}
	spaces, err := l.namespaces()
	if err != nil {
		return nil, err
	}
	whole, err := l.wholeLeft()
	if err != nil {
		return nil, err
	}
	names = slices.Concat(names, groups, spaces, whole)
	slices.Sort(names)
	names = slices.Compact(names)
	return slices.DeleteFunc(names, func(n string) bool { return n == l.plan.lan() || n == l.plan.stranger() }), nil
}

// clearLeftovers ends every machine of this lab.
func (l *Lab) clearLeftovers(ctx context.Context) error {
	left, err := l.leftovers()
	for _, name := range left {
		err = errors.Join(err, l.clearMachine(ctx, name, ""))
	}
	return err
}

// machineOf recognises a machine of this lab by how its process was started.
func (l *Lab) machineOf(argv []string) (name string, ok bool) {
	if !slices.ContainsFunc(argv, func(a string) bool { return filepath.Base(a) == "systemd-nspawn" }) {
		return "", false
	}
	for _, a := range argv {
		if name, ok := strings.CutPrefix(a, machineMark("")); ok && l.plan.owns(name) {
			return name, true
		}
	}
	return "", false
}

// clearMachine takes the power from a machine and removes what it was run
// with. Its disk stays; dir is empty for a machine without records.
func (l *Lab) clearMachine(ctx context.Context, name string, dir folder) error {
	pids, err := processes()
	if err != nil {
		return err
	}
	for _, pid := range pids {
		if found, ok := l.machineOf(arguments(pid)); ok && found == name {
			err = errors.Join(err, killMachine(ctx, pid, name))
		}
	}
	err = errors.Join(err, clearCgroups(name), l.unplug(ctx, name))
	// nspawn leaves the folder when it is killed; it is empty then.
	_ = os.Remove(filepath.Join("/run/systemd/nspawn/propagate", name))
	if dir != "" {
		err = errors.Join(err, dir.unmount(), os.RemoveAll(dir.path("process.json")))
	}
	if err != nil {
		return fmt.Errorf("clear up machine %s: %w", name, err)
	}
	return nil
}

// killMachine ends one nspawn: its machine first, which then ends it in order.
func killMachine(ctx context.Context, pid int, name string) error {
	p, err := identify(pid, machineMark(name))
	if err != nil {
		return nil // it has just ended
	}
	if err := signalInit(p, unix.SIGKILL); err != nil && !errors.Is(err, unix.ESRCH) {
		return err
	}
	patient, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	if p.waitGone(patient) {
		return nil
	}
	return p.end(ctx, unix.SIGTERM, time.Second)
}

// detachLoops frees loop devices whose file is in the state folder. An
// unmount does so itself, unless it never came to that.
func detachLoops(state string) error {
	files, err := filepath.Glob("/sys/block/loop*/loop/backing_file")
	for _, file := range files {
		backing, readErr := os.ReadFile(file)
		path := strings.TrimSuffix(string(bytes.TrimSpace(backing)), " (deleted)")
		if readErr != nil || !strings.HasPrefix(path, state+"/") {
			continue
		}
		device := "/dev/" + filepath.Base(filepath.Dir(filepath.Dir(file)))
		err = errors.Join(err, detachLoop(device))
	}
	return err
}

func detachLoop(device string) error {
	f, err := os.Open(device)
	if err != nil {
		return fmt.Errorf("free loop device: %w", err)
	}
	defer f.Close()
	if err := unix.IoctlSetInt(int(f.Fd()), unix.LOOP_CLR_FD, 0); err != nil && !errors.Is(err, unix.ENXIO) {
		return fmt.Errorf("free loop device %s: %w", device, err)
	}
	return nil
}

// reportUsers says who still runs in the LAN namespace. Those are commands of
// the user, so that they are not ended; they only lose the network.
func (l *Lab) reportUsers(ctx context.Context) {
	for _, name := range []string{l.plan.lan(), l.plan.stranger()} {
		if !namespaceExists(name) {
			continue
		}
		out, err := run(ctx, "ip", "netns", "pids", name)
		if pids := strings.Fields(string(out)); err == nil && len(pids) > 0 {
			l.say("lab %s: still running in its network, now without one: process %s", l.plan.name, strings.Join(pids, ", "))
		}
	}
}
