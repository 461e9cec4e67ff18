package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/k3sedge/k3sedge/provision/machine"
)

// stateDir is .k3sedge beside k3sedge.yaml: pins, journal, lock.
type stateDir string

// stateDirOf is where the state of a cluster's file is. It need not be there:
// who only looks does not make it.
func stateDirOf(file string) stateDir {
	return stateDir(filepath.Join(filepath.Dir(file), ".k3sedge"))
}

func (d stateDir) make() error {
	if err := os.MkdirAll(string(d), 0o700); err != nil {
		return machine.WithHint(fmt.Errorf("make the state folder: %w", err), "k3sedge keeps host keys and its journal in %s; make the folder around it writable", d)
	}
	return os.Chmod(string(d), 0o700)
}

func (d stateDir) path(name string) string { return filepath.Join(string(d), name) }

// lock makes sure that one run at a time changes this cluster. The kernel
// gives it up when the process ends, however it ends, so nothing stale stays.
func (d stateDir) lock(what string) (release func(), err error) {
	if err := d.make(); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(d.path("lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the lock: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		defer f.Close()
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("take the lock: %w", err)
		}
		holder, readErr := io.ReadAll(io.LimitReader(f, 200))
		if readErr != nil {
			return nil, fmt.Errorf("read who holds the lock: %w", readErr)
		}
		return nil, machine.WithHint(fmt.Errorf("another run is at work on this cluster: %s", strings.TrimSpace(string(holder))), "wait for it to end, or stop it with Ctrl-C where it runs")
	}
	if err := f.Truncate(0); err != nil {
		return nil, fmt.Errorf("write the lock: %w", errors.Join(err, f.Close()))
	}
	if _, err := fmt.Fprintf(f, "k3sedge %s, process %d\n", what, os.Getpid()); err != nil {
		return nil, fmt.Errorf("write the lock: %w", errors.Join(err, f.Close()))
	}
	return func() {
		// Not by closing alone: a program that is just being started still
		// holds the file, too.
		_ = syscall.Flock(int(f.Fd()), syscall.LOCK_UN)
		_ = f.Close()
	}, nil
}
