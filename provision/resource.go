package provision

// Options are the parameters of a VM as the Proxmox API names them.
type Options map[string]any

// VM is a VM as a list or its status shows it.
type VM struct {
	VMID   int
	Name   string
	Status string // running or stopped
	Lock   string // create, clone, …; empty for none
}

// Running says whether the VM is switched on.
func (v VM) Running() bool { return v.Status == "running" }

// VMConfig is the configuration of a VM, pending changes included.
type VMConfig struct {
	Name, Description, Lock string
	Cores                   int
	MemoryMiB               int
	OnBoot, Template        bool
	// Devices are all other options by name: net0, scsi0, serial0, tags, …
	Devices map[string]string
}

// StorageStatus is what Proxmox tells about a storage on the node.
type StorageStatus struct {
	Type        string
	Active      bool
	Content     []string
	Avail, Size int64
}

// Volume is a file on a storage.
type Volume struct {
	ID   string // STORAGE:iso/NAME
	Size int64
}

// Download is a file that Proxmox fetches and verifies itself.
type Download struct {
	Content, File, URL  string
	Algorithm, Checksum string
}

// Snapshot is a state of a VM that is kept.
type Snapshot struct{ Name, Description string }

// GuestProgram is a program that the guest agent was asked to run.
type GuestProgram struct {
	Ended       bool
	Code        int
	Out, Stderr string
}
