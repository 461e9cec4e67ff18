//go:build linux

package lab

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Each machine has a control group of its own. Without one the systemds of
// all machines would manage the same groups, since nspawn takes the caller's.

// cgroupRoots finds where systemd's hierarchies are mounted: the unified one,
// and on a hybrid system the named one beside it.
func cgroupRoots() ([]string, error) {
	data, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, fmt.Errorf("find control groups: %w", err)
	}
	roots := parseCgroupRoots(data)
	if len(roots) == 0 {
		return nil, errors.New("find control groups: neither cgroup2 nor name=systemd is mounted on this machine")
	}
	return roots, nil
}

// parseCgroupRoots picks systemd's hierarchies from a mountinfo document.
func parseCgroupRoots(mountinfo []byte) []string {
	var roots []string
	for lines := bufio.NewScanner(bytes.NewReader(mountinfo)); lines.Scan(); {
		left, right, ok := strings.Cut(lines.Text(), " - ")
		place, kind := strings.Fields(left), strings.Fields(right)
		if !ok || len(place) < 5 || len(kind) < 3 {
			continue
		}
		named := kind[0] == "cgroup" && slices.Contains(strings.Split(kind[2], ","), "name=systemd")
		if kind[0] == "cgroup2" || named {
			roots = append(roots, unescapeMount(place[4]))
		}
	}
	return roots
}

// makeCgroups makes a machine's groups and gives the files that take its
// first process.
func makeCgroups(name string) ([]string, error) {
	roots, err := cgroupRoots()
	if err != nil {
		return nil, err
	}
	var doors []string
	for _, root := range roots {
		dir := filepath.Join(root, name)
		if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, fmt.Errorf("make control group: %w", err)
		}
		doors = append(doors, filepath.Join(dir, "cgroup.procs"))
	}
	return doors, nil
}

// cgroupNames lists the groups of this lab's machines.
func (l *Lab) cgroupNames() ([]string, error) {
	roots, err := cgroupRoots()
	if err != nil {
		return nil, err
	}
	var names []string
	for _, root := range roots {
		entries, err := os.ReadDir(root)
		if err != nil {
			return nil, fmt.Errorf("list control groups: %w", err)
		}
		for _, e := range entries {
			if e.IsDir() && l.plan.owns(e.Name()) && !slices.Contains(names, e.Name()) {
				names = append(names, e.Name())
			}
		}
	}
	return names, nil
}

// clearCgroups kills what is still in a machine's groups and removes them.
func clearCgroups(name string) error {
	roots, err := cgroupRoots()
	if err != nil {
		return err
	}
	deadline := time.Now().Add(3 * time.Second)
	for _, root := range roots {
		dir := filepath.Join(root, name)
		for {
			err := removeCgroup(dir)
			if err == nil {
				break
			}
			if time.Now().After(deadline) {
				return fmt.Errorf("remove control group: %w", err)
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	return nil
}

// removeCgroup kills what is in a group and below and removes it, children
// first.
func removeCgroup(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.IsDir() {
			err = errors.Join(err, removeCgroup(filepath.Join(dir, e.Name())))
		}
	}
	for _, pid := range cgroupProcesses(dir) {
		_ = unix.Kill(pid, unix.SIGKILL) // it may just have ended; rmdir tells
	}
	return errors.Join(err, unix.Rmdir(dir))
}

// cgroupProcesses lists who is in a group.
func cgroupProcesses(dir string) []int {
	data, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
	if err != nil {
		return nil
	}
	var pids []int
	for _, word := range strings.Fields(string(data)) {
		if pid, err := strconv.Atoi(word); err == nil && pid > 1 {
			pids = append(pids, pid)
		}
	}
	return pids
}

// freeze stops all processes of a machine, or lets them go on.
func freeze(name string, frozen bool) error {
	roots, err := cgroupRoots()
	if err != nil {
		return err
	}
	value := []byte("0")
	if frozen {
		value = []byte("1")
	}
	for _, root := range roots {
		err := os.WriteFile(filepath.Join(root, name, "cgroup.freeze"), value, 0)
		if err == nil {
			return nil
		}
		if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission) {
			return fmt.Errorf("freeze machine: %w", err)
		}
	}
	return errors.New("freeze machine: this kernel has no cgroup.freeze")
}
