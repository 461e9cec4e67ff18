package provision

import "context"

// Reader is everything that may be looked at in Proxmox. A plan is given
// nothing else.
type Reader interface {
	VMReader
	StorageReader
	AccessReader
	TaskReader
}

// VMReader looks at VMs.
type VMReader interface {
	// VMs lists the VMs of the node that the token may see.
	VMs(ctx context.Context) ([]VM, error)
	VMConfig(ctx context.Context, vmid int) (VMConfig, error)
	VMStatus(ctx context.Context, vmid int) (VM, error)
	// AgentFile reads a small file through the guest agent.
	AgentFile(ctx context.Context, vmid int, path string) (string, error)
	// Snapshots lists what is kept of a VM.
	Snapshots(ctx context.Context, vmid int) ([]Snapshot, error)
}

// StorageReader looks at storages.
type StorageReader interface {
	Storage(ctx context.Context, name string) (StorageStatus, error)
	// Volumes lists the volumes of one content type, such as import or iso.
	Volumes(ctx context.Context, storage, content string) ([]Volume, error)
}

// AccessReader tells who we are and what we may do.
type AccessReader interface {
	Version(ctx context.Context) (string, error)
	// Privileges returns the effective privileges of the token on one path.
	Privileges(ctx context.Context, path string) (map[string]bool, error)
	Bridges(ctx context.Context) ([]string, error)
}

// TaskReader follows tasks.
type TaskReader interface {
	Task(ctx context.Context, id UPID) (TaskStatus, error)
	TaskLog(ctx context.Context, id UPID) ([]string, error)
}

// API is Reader and everything that changes something. Every call starts a
// task and returns its id; an empty one is a call that was done at once.
type API interface {
	Reader
	VMMaker
	VMChanger
	VolumeMaker
	VMRescuer
}

// VMMaker makes and destroys VMs.
type VMMaker interface {
	CreateVM(ctx context.Context, vmid int, options Options) (UPID, error)
	CloneVM(ctx context.Context, template, vmid int, options Options) (UPID, error)
	DestroyVM(ctx context.Context, vmid int) (UPID, error)
}

// VMChanger changes a VM that is there.
type VMChanger interface {
	Configure(ctx context.Context, vmid int, options Options) (UPID, error)
	Resize(ctx context.Context, vmid int, disk, size string) (UPID, error)
	Start(ctx context.Context, vmid int) (UPID, error)
	Stop(ctx context.Context, vmid int) (UPID, error)
}

// VolumeMaker puts files onto a storage.
type VolumeMaker interface {
	Download(ctx context.Context, storage string, d Download) (UPID, error)
	// Upload replaces a file of the same name.
	Upload(ctx context.Context, storage, file string, content []byte) (UPID, error)
}

// VMRescuer keeps states of a VM's disks, without its memory, and runs programs
// inside it, through its guest agent. These start no task.
type VMRescuer interface {
	TakeSnapshot(ctx context.Context, vmid int, s Snapshot) (UPID, error)
	DropSnapshot(ctx context.Context, vmid int, name string) (UPID, error)
	// AgentExec starts a program and returns its number.
	AgentExec(ctx context.Context, vmid int, argv []string) (pid int, err error)
	// AgentExecStatus tells of a program that was started so, once it has ended for the last time.
	AgentExecStatus(ctx context.Context, vmid, pid int) (GuestProgram, error)
}
