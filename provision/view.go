package provision

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/machine"
)

// history is the part of the journal that is read.
type history interface {
	open(node string) []act
	vmid(node string) (id int, made bool)
	unanswered(node string, id int) bool
}

// view is what the steps of one node look through. It remembers what it saw
// until something is changed, so that a second `up` asks Proxmox twice a node.
type view struct {
	cluster  inventory.Cluster
	settings inventory.Proxmox
	node     inventory.Node
	api      Reader
	acts     history
	pins     PinReader
	ready    readiness

	mu   sync.Mutex
	seen *sight
}

// sight is what was seen of a node's VM.
type sight struct {
	VMID    int
	Present bool
	Busy    bool // being made by a task of ours; nothing but its lock is visible
	Config  VMConfig
	Running bool
	Note    note
}

var errNoVM = errors.New("the VM does not exist yet")

func (v *view) mark() mark { return mark{v.cluster.ID, v.node.Name} }

// look finds the node's VM. A VM that is not there is no error.
func (v *view) look(ctx context.Context) (sight, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.seen != nil {
		return *v.seen, nil
	}
	s, err := v.find(ctx)
	if err != nil {
		return sight{}, fmt.Errorf("look for the VM of node %s: %w", v.node.Name, err)
	}
	if s.Present {
		status, err := v.api.VMStatus(ctx, s.VMID)
		if err != nil {
			return sight{}, fmt.Errorf("read the status of VM %d: %w", s.VMID, err)
		}
		s.Running = status.Running()
	}
	v.seen = &s
	return s, nil
}

// present is look for those who need the VM.
func (v *view) present(ctx context.Context) (sight, error) {
	s, err := v.look(ctx)
	if err == nil && !s.Present {
		err = errNoVM
	}
	return s, err
}

// forget makes the next look a new one.
func (v *view) forget() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.seen = nil
}

// find goes by the journal first. Without it, or where the VM is gone, it
// reads every VM of our range that the token may see.
func (v *view) find(ctx context.Context) (sight, error) {
	id, _ := v.acts.vmid(v.node.Name)
	if id != 0 {
		s, err := v.inspect(ctx, id)
		var answer *APIError
		switch {
		case err == nil && (s.Present || s.Busy):
			return s, nil
		case err != nil && !errors.As(err, &answer):
			return sight{}, err
		}
		// A token whose rights hang on the pool gets a 403 for a VM that is
		// gone, so that only the list can tell.
	}
	return v.search(ctx)
}

func (v *view) search(ctx context.Context) (sight, error) {
	vms, err := v.api.VMs(ctx)
	if err != nil {
		return sight{}, err
	}
	var found sight
	for _, vm := range vms {
		if !v.inRange(vm.VMID) {
			continue
		}
		s, err := v.inspect(ctx, vm.VMID)
		if isAbsent(err) {
			continue // destroyed since the list
		}
		if err != nil {
			return sight{}, err
		}
		if s.Present && found.Present {
			return sight{}, machine.WithHint(fmt.Errorf("VMs %d and %d both carry the mark %s", found.VMID, s.VMID, v.mark()),
				"one of them is a copy: remove the mark from its description (Notes) in Proxmox")
		}
		if s.Present || s.Busy && !found.Present {
			found = s
		}
	}
	return found, nil
}

func (v *view) inRange(id int) bool {
	return id >= v.settings.VMIDs.First && id <= v.settings.VMIDs.Last
}

// inspect judges one VM. It is present only if its number, its name and its
// mark all say that it is this node's; a VM about which they disagree is an
// error, any other VM is none of our business.
func (v *view) inspect(ctx context.Context, id int) (sight, error) {
	config, err := v.api.VMConfig(ctx, id)
	if err != nil {
		return sight{}, err
	}
	n, err := parseNote(config.Description)
	if err != nil {
		return sight{}, v.notOurs(id, config.Name, err.Error())
	}
	journaled, made := v.acts.vmid(v.node.Name)
	ours := n.Mark == v.mark()
	switch {
	case slices.Contains([]string{"create", "clone"}, config.Lock):
		return sight{VMID: id, Busy: journaled == id}, nil
	case ours && config.Name == v.node.Name && (v.inRange(id) || journaled == id):
		return sight{VMID: id, Present: true, Config: config, Note: n}, nil
	case ours, made && journaled == id, n.Mark == (mark{}) && config.Name == v.node.Name:
		return sight{}, v.notOurs(id, config.Name, n.Mark.text())
	}
	return sight{VMID: id}, nil
}

func (v *view) notOurs(id int, name, found string) error {
	return machine.WithHint(
		&NotOursError{VMID: id, Name: name, Mark: found, Want: fmt.Sprintf("the VM of node %q with mark %q", v.node.Name, v.mark())},
		"nothing was changed. If it is the node's VM, put its name and the mark in its description (Notes) right in Proxmox; if its number was given to another VM, remove .k3sedge/journal.jsonl; if it is in the way, rename it or choose another provider.proxmox.vmids")
}
