//go:build linux

package lab

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// errNotOurs says that a process number belongs to somebody else by now.
var errNotOurs = errors.New("the process is not the one that was started")

// process names one process of this boot: a number alone may have been given
// to another program since it was written down.
type process struct {
	PID   int    `json:"pid"`
	Start uint64 `json:"start"` // in clock ticks since boot
	// Mark is an argument that the process was started with.
	Mark string `json:"mark"`
}

// identify describes the running process pid.
func identify(pid int, mark string) (process, error) {
	s, err := readStat(pid)
	if err != nil {
		return process{}, err
	}
	return process{PID: pid, Start: s.start, Mark: mark}, nil
}

// alive says whether this very process still runs.
func (p process) alive() bool {
	if p.PID <= 1 {
		return false
	}
	s, err := readStat(p.PID)
	if err != nil || s.state == 'Z' || s.state == 'X' || s.start != p.Start {
		return false
	}
	return hasArgument(p.PID, p.Mark)
}

// signal sends a signal to this very process and to no other: the descriptor
// is taken first and the identity is checked while it is held.
func (p process) signal(sig unix.Signal) error {
	fd, err := unix.PidfdOpen(p.PID, 0)
	if err != nil {
		return fmt.Errorf("process %d: %w", p.PID, err)
	}
	defer unix.Close(fd)
	if !p.alive() {
		return fmt.Errorf("process %d: %w", p.PID, errNotOurs)
	}
	if err := unix.PidfdSendSignal(fd, sig, nil, 0); err != nil {
		return fmt.Errorf("signal process %d: %w", p.PID, err)
	}
	return nil
}

// waitGone waits until the process has ended; false when ctx ended first.
func (p process) waitGone(ctx context.Context) bool {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for p.alive() {
		select {
		case <-ctx.Done():
			return !p.alive()
		case <-tick.C:
		}
	}
	return true
}

// end asks with sig, waits for the grace and kills what is left.
func (p process) end(ctx context.Context, sig unix.Signal, grace time.Duration) error {
	if !p.alive() {
		return nil
	}
	err := p.signal(sig)
	if err == nil {
		patient, cancel := context.WithTimeout(ctx, grace)
		defer cancel()
		if p.waitGone(patient) {
			return nil
		}
		err = p.signal(unix.SIGKILL)
	}
	if !p.alive() {
		return nil
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if p.waitGone(last) {
		return nil
	}
	return errors.Join(fmt.Errorf("process %d does not end", p.PID), err)
}

// stat is what the lab reads from /proc/PID/stat.
type stat struct {
	state  byte
	parent int
	start  uint64
}

// readStat looks a process up.
func readStat(pid int) (stat, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return stat{}, fmt.Errorf("look up process %d: %w", pid, err)
	}
	return parseStat(data)
}

// parseStat reads the fields after the program's name, which may itself
// contain blanks and parentheses.
func parseStat(data []byte) (stat, error) {
	end := bytes.LastIndexByte(data, ')')
	fields := strings.Fields(string(data[end+1:]))
	if end < 0 || len(fields) < 20 || len(fields[0]) != 1 {
		return stat{}, errors.New("read process: unknown form of its stat file")
	}
	parent, err := strconv.Atoi(fields[1])
	if err != nil {
		return stat{}, fmt.Errorf("read parent of process: %w", err)
	}
	start, err := strconv.ParseUint(fields[19], 10, 64)
	if err != nil {
		return stat{}, fmt.Errorf("read start of process: %w", err)
	}
	return stat{state: fields[0][0], parent: parent, start: start}, nil
}

// hasArgument says whether a process was started with this argument.
func hasArgument(pid int, argument string) bool {
	return slices.Contains(arguments(pid), argument)
}

// arguments are the words a process was started with; none if it is gone.
func arguments(pid int) []string {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		return nil
	}
	return strings.Split(strings.TrimRight(string(data), "\x00"), "\x00")
}

// processes lists the numbers of all processes.
func processes() ([]int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	var pids []int
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

// children are the processes whose parent is pid.
func children(pid int) []int {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		return nil
	}
	var found []int
	for _, word := range strings.Fields(string(data)) {
		if child, err := strconv.Atoi(word); err == nil {
			found = append(found, child)
		}
	}
	return found
}

// saveProcess writes a process down.
func saveProcess(path string, p process) error {
	data, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("write down process: %w", err)
	}
	return writeFile(path, data, 0o600)
}

// loadProcess reads a process that was written down; the zero value, which is
// never alive, when there is none.
func loadProcess(path string) (process, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return process{}, nil
	}
	if err != nil {
		return process{}, fmt.Errorf("read process: %w", err)
	}
	var p process
	if err := json.Unmarshal(data, &p); err != nil {
		return process{}, fmt.Errorf("read process from %s: %w", path, err)
	}
	return p, nil
}
