package fakepve

import (
	"context"
	"errors"
)

// ErrNoAgent says that a machine runs but nothing in it answers as a guest
// agent: an image without one, or a machine that has not booted that far.
var ErrNoAgent = errors.New("guest agent does not answer")

// Machine is all that a hypervisor may know of a machine it is to boot. It is
// read from the configuration at the moment of the start, so that a machine
// boots from the ISO that is attached and from nothing else.
type Machine struct {
	VMID     int
	Name     string
	UUID     string // SMBIOS UUID
	Cores    int
	MemoryMB int
	// Disk is the file of the first boot disk. It may be a hard link to the image
	// it was imported from: read it, never write to it.
	Disk       string
	DiskVolume string // volume ID of Disk
	DiskSize   int64  // bytes, after resizes
	// Parent is the VMID whose template this machine's disk is linked to, or 0.
	Parent int
	MAC    string // of net0
	Bridge string // of net0
	// ISOs are the files of the attached CD-ROMs in the order of their keys.
	ISOs []string
}

// Command is run inside a machine, out of band, as its guest agent would.
type Command struct {
	Argv  []string
	Stdin []byte
}

// Result is how a Command ended.
type Result struct {
	Exit   int
	Stdout []byte
	Stderr []byte
}

// Hypervisor runs machines. It is told nothing but what the API was told.
type Hypervisor interface {
	// Start powers a machine on and returns when its process runs, not when it has
	// booted. It may fail and yet have started the machine, as the real one does.
	Start(ctx context.Context, m Machine) error
	// Stop asks the guest to power off and waits, or takes the power away.
	Stop(ctx context.Context, vmid int, force bool) error
	// Running tells the power state. A guest may power itself off.
	Running(vmid int) bool
	// Exec runs a command in the guest, or returns ErrNoAgent.
	Exec(ctx context.Context, vmid int, cmd Command) (Result, error)
}

// Disks keeps what machines wrote.
type Disks interface {
	Snapshot(ctx context.Context, vmid int, name string) error
	Rollback(ctx context.Context, vmid int, name string) error
	DropSnapshot(ctx context.Context, vmid int, name string) error
	// Clone makes what machine from wrote the starting point of machine to.
	Clone(ctx context.Context, from, to int) error
	// Remove forgets all that a machine wrote. A machine never started is no error.
	Remove(ctx context.Context, vmid int) error
}
