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

func openStateDir(file string) (stateDir, error) {
	dir := filepath.Join(filepath.Dir(file), ".k3sedge")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", machine.WithHint(fmt.Errorf("make the state folder: %w", err), "k3sedge keeps host keys and its journal beside %s; make that folder writable", file)
	}
	return stateDir(dir), os.Chmod(dir, 0o700)
}

func (d stateDir) path(name string) string { return filepath.Join(string(d), name) }

// lock makes sure that one run at a time changes this cluster. The kernel
// gives it up when the process ends, however it ends, so nothing stale stays.
func (d stateDir) lock(what string) (release func(), err error) {
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
