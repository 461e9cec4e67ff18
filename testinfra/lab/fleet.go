//go:build linux

package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/k3sedge/k3sedge/testinfra/fakepve"
)

var (
	_ fakepve.Hypervisor = (*fleet)(nil)
	_ fakepve.Disks      = (*fleet)(nil)
)

// errOff says that a machine does not run.
var errOff = errors.New("the machine does not run")

// spec is what a machine is booted from.
type spec struct {
	ID   string   `json:"id"`
	Name string   `json:"name"`
	Disk string   `json:"disk"`
	MAC  string   `json:"mac"`
	ISOs []string `json:"isos,omitempty"`
	// What follows is of a whole machine; a container has all that this one has.
	UUID     string `json:"uuid,omitempty"`
	Cores    int    `json:"cores,omitempty"`
	MemoryMB int    `json:"memoryMB,omitempty"`
	DiskSize int64  `json:"diskSize,omitempty"`
	// Seed stands for the ISO of a machine that was made without Proxmox.
	Seed seed `json:"seed,omitempty"`
}

// running is one boot of a machine.
type running struct {
	spec spec
	proc process
	done chan struct{} // closed when nothing is left of it but its disk
	// ordered is set when it is to stay off after it ends.
	ordered bool
}

// fleet runs the machines of one lab. It is a fakepve.Hypervisor and keeps
// their disks.
type fleet struct {
	lab      *Lab
	hardware hardware

	mu   sync.Mutex
	runs map[string]*running // by machine
	held map[string]*sync.Mutex
}

// newFleet takes over the machines that an earlier daemon left running.
func newFleet(l *Lab) (*fleet, error) {
	authority, err := l.authority()
	if err != nil {
		return nil, err
	}
	f := &fleet{lab: l, hardware: l.hardware(authority.PEM()), runs: map[string]*running{}, held: map[string]*sync.Mutex{}}
	ids, err := l.machineIDs()
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		p, err := loadProcess(l.folder(id).path("process.json"))
		if err != nil || !p.alive() {
			continue
		}
		s, err := loadSpec(l.folder(id))
		if err != nil {
			return nil, err
		}
		r := &running{spec: s, proc: p, done: make(chan struct{})}
		f.runs[id] = r
		go f.watch(r, func() bool { p.waitGone(context.Background()); return false })
	}
	return f, nil
}

// vmID is the name of a VM's machine.
func vmID(vmid int) string { return strconv.Itoa(vmid) }

// Start implements fakepve.Hypervisor.
func (f *fleet) Start(ctx context.Context, m fakepve.Machine) error {
	return f.start(ctx, spec{
		ID: vmID(m.VMID), Name: m.Name, Disk: m.Disk, MAC: m.MAC, ISOs: m.ISOs,
		UUID: m.UUID, Cores: m.Cores, MemoryMB: m.MemoryMB, DiskSize: m.DiskSize,
	})
}

// start boots a machine.
func (f *fleet) start(ctx context.Context, s spec) error {
	defer f.hold(s.ID)()
	if f.current(s.ID) != nil {
		return fmt.Errorf("start machine %s: it runs already", s.ID)
	}
	return f.launch(ctx, s)
}

// launch boots a machine that is off; the machine is held.
func (f *fleet) launch(ctx context.Context, s spec) error {
	p, wait, err := f.boot(ctx, s)
	if err != nil {
		return errors.Join(fmt.Errorf("start machine %s: %w", s.ID, err), f.hardware.clear(context.Background(), s.ID))
	}
	r := &running{spec: s, proc: p, done: make(chan struct{})}
	f.mu.Lock()
	f.runs[s.ID] = r
	f.mu.Unlock()
	go f.watch(r, wait)
	return nil
}

// boot has a machine started and writes down what the daemon after this one
// has to know of it.
func (f *fleet) boot(ctx context.Context, s spec) (process, func() bool, error) {
	dir := f.lab.folder(s.ID)
	if err := os.MkdirAll(string(dir), 0o700); err != nil {
		return process{}, nil, fmt.Errorf("make folder: %w", err)
	}
	if err := saveSpec(dir, s); err != nil {
		return process{}, nil, err
	}
	p, wait, err := f.hardware.boot(ctx, s)
	if err == nil {
		err = saveProcess(dir.path("process.json"), p)
	}
	return p, wait, err
}

// watch waits for the end of a boot and clears up behind it, or boots again
// if that is what the machine asked for.
func (f *fleet) watch(r *running, wait func() (reboot bool)) {
	reboot := wait()
	defer close(r.done)
	defer f.hold(r.spec.ID)()
	err := f.hardware.clear(context.Background(), r.spec.ID)
	f.mu.Lock()
	again := reboot && !r.ordered
	if !again {
		delete(f.runs, r.spec.ID)
	}
	f.mu.Unlock()
	if again && err == nil {
		err = f.launch(context.Background(), r.spec)
	}
	if err == nil {
		return
	}
	f.lab.say("machine %s: %v", r.spec.ID, err)
	f.mu.Lock()
	delete(f.runs, r.spec.ID)
	f.mu.Unlock()
}

// Stop implements fakepve.Hypervisor.
func (f *fleet) Stop(ctx context.Context, vmid int, force bool) error {
	return f.stop(ctx, vmID(vmid), force)
}

// stop powers a machine off and waits until it is, even if it was just about
// to boot again.
func (f *fleet) stop(ctx context.Context, id string, force bool) error {
	for r := f.order(id); r != nil; r = f.order(id) {
		if err := f.powerOff(ctx, r, force); err != nil {
			return fmt.Errorf("stop machine %s: %w", id, err)
		}
	}
	return nil
}

// order says that a machine is to stay off once it has ended. It returns nil
// if it is off.
func (f *fleet) order(id string) *running {
	f.mu.Lock()
	defer f.mu.Unlock()
	r := f.runs[id]
	if r != nil {
		r.ordered = true
	}
	return r
}

// powerOff ends one boot. The polite order is repeated, because a machine
// that has just begun to boot does not hear it.
func (f *fleet) powerOff(ctx context.Context, r *running, force bool) error {
	every := 2 * time.Second
	if force {
		every = 200 * time.Millisecond
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		if err := f.hardware.order(ctx, r, force); err != nil {
			return err
		}
		select {
		case <-r.done:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// Running implements fakepve.Hypervisor.
func (f *fleet) Running(vmid int) bool { return f.current(vmID(vmid)) != nil }

// current is the boot of a machine that goes on now, or nil.
func (f *fleet) current(id string) *running {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.runs[id]
}

// Exec implements fakepve.Hypervisor.
func (f *fleet) Exec(ctx context.Context, vmid int, c fakepve.Command) (fakepve.Result, error) {
	r := f.current(vmID(vmid))
	if r == nil {
		return fakepve.Result{}, errOff
	}
	return f.hardware.exec(ctx, r, c)
}

// hold keeps others from changing a machine until the result is called.
func (f *fleet) hold(id string) (release func()) {
	f.mu.Lock()
	m := f.held[id]
	if m == nil {
		m = &sync.Mutex{}
		f.held[id] = m
	}
	f.mu.Unlock()
	m.Lock()
	return m.Unlock
}

// saveSpec writes down what a machine boots from, for the daemon after this.
func saveSpec(dir folder, s spec) error {
	data, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("write down machine: %w", err)
	}
	return writeFile(dir.path("spec.json"), data, 0o600)
}

// loadSpec reads it back.
func loadSpec(dir folder) (spec, error) {
	data, err := os.ReadFile(dir.path("spec.json"))
	if err != nil {
		return spec{}, fmt.Errorf("read machine: %w", err)
	}
	var s spec
	if err := json.Unmarshal(data, &s); err != nil {
		return spec{}, fmt.Errorf("read machine from %s: %w", dir, err)
	}
	return s, nil
}

// machineIDs lists the machines that have a folder.
func (l *Lab) machineIDs() ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(l.state, "machines"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list machines: %w", err)
	}
	var ids []string
	for _, e := range entries {
		if e.IsDir() && machineForm.MatchString(e.Name()) {
			ids = append(ids, e.Name())
		}
	}
	return ids, nil
}
