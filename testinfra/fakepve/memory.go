package fakepve

import (
	"context"
	"errors"
	"os"
	"slices"
	"sync"
)

// errMemory is how a Memory hypervisor fails a start it was told to fail.
var errMemory = errors.New("start failed: command '/usr/bin/kvm' failed: got timeout")

// Memory is a Hypervisor and Disks for unit tests: machines are entries in a
// map. The zero value is not usable; call NewMemory.
type Memory struct {
	mu        sync.Mutex
	machines  map[int]Machine
	isos      map[int][][]byte
	snapshots map[int][]string
	switches  Switches
}

// Switches make a Memory misbehave.
type Switches struct {
	// NeverBoots starts machines whose guest never answers.
	NeverBoots bool
	// StartFailsThoughItRuns reports an error from a start that worked.
	StartFailsThoughItRuns bool
	// StartFails reports an error and starts nothing.
	StartFails bool
	// IgnoresShutdown never obeys a polite Stop.
	IgnoresShutdown bool
	// Exec answers commands in guests; nil means that no guest has an agent.
	Exec func(vmid int, cmd Command) (Result, error)
}

var (
	_ Hypervisor = (*Memory)(nil)
	_ Disks      = (*Memory)(nil)
)

// NewMemory makes a Memory with no machines.
func NewMemory() *Memory {
	return &Memory{machines: map[int]Machine{}, isos: map[int][][]byte{}, snapshots: map[int][]string{}}
}

// Switch sets how the Memory misbehaves from now on.
func (m *Memory) Switch(s Switches) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.switches = s
}

// Started returns what a running machine was booted from: its description and
// the bytes of the ISOs that were attached at that moment.
func (m *Memory) Started(vmid int) (Machine, [][]byte, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	got, ok := m.machines[vmid]
	return got, m.isos[vmid], ok
}

// Start implements Hypervisor.
func (m *Memory) Start(_ context.Context, vm Machine) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.switches.StartFails {
		return errMemory
	}
	if _, err := os.Stat(vm.Disk); vm.Disk != "" && err != nil {
		return err
	}
	m.isos[vm.VMID] = nil
	for _, path := range vm.ISOs {
		iso, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		m.isos[vm.VMID] = append(m.isos[vm.VMID], iso)
	}
	m.machines[vm.VMID] = vm
	if m.switches.StartFailsThoughItRuns {
		return errMemory
	}
	return nil
}

// Stop implements Hypervisor.
func (m *Memory) Stop(ctx context.Context, vmid int, force bool) error {
	m.mu.Lock()
	ignores := m.switches.IgnoresShutdown && !force
	if !ignores {
		delete(m.machines, vmid)
	}
	m.mu.Unlock()
	if ignores {
		<-ctx.Done()
		return ctx.Err()
	}
	return nil
}

// Running implements Hypervisor.
func (m *Memory) Running(vmid int) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, ok := m.machines[vmid]
	return ok
}

// Exec implements Hypervisor.
func (m *Memory) Exec(_ context.Context, vmid int, cmd Command) (Result, error) {
	m.mu.Lock()
	run, dead := m.switches.Exec, m.switches.NeverBoots
	m.mu.Unlock()
	if run == nil || dead || !m.Running(vmid) {
		return Result{}, ErrNoAgent
	}
	return run(vmid, cmd)
}

// Snapshot implements Disks.
func (m *Memory) Snapshot(_ context.Context, vmid int, name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.snapshots[vmid] = append(m.snapshots[vmid], name)
	return nil
}

// Rollback implements Disks.
func (m *Memory) Rollback(_ context.Context, vmid int, name string) error {
	return m.must(vmid, name)
}

// DropSnapshot implements Disks.
func (m *Memory) DropSnapshot(_ context.Context, vmid int, name string) error {
	if err := m.must(vmid, name); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.snapshots[vmid] = slices.DeleteFunc(m.snapshots[vmid], func(s string) bool { return s == name })
	return nil
}

func (m *Memory) must(vmid int, name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !slices.Contains(m.snapshots[vmid], name) {
		return errors.New("no snapshot " + name)
	}
	return nil
}

// Clone implements Disks.
func (m *Memory) Clone(context.Context, int, int) error { return nil }

// Remove implements Disks.
func (m *Memory) Remove(_ context.Context, vmid int) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.machines, vmid)
	delete(m.snapshots, vmid)
	return nil
}
