package fakepve

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"slices"
	"time"
)

// Options describe the host that the stand-in plays. StateDir and Access are
// required; everything else has a default.
type Options struct {
	// StateDir keeps the TLS key, the state and the files of the storages.
	StateDir string
	// Node is the host's name. Default "pve".
	Node string
	// Major is the version played, 8 or 9. Default 9.
	Major int
	// Addresses are put into the certificate beside 127.0.0.1, ::1 and localhost.
	Addresses []net.IP
	// Access says who may do what.
	Access Access
	// Storages default to DefaultStorages.
	Storages []Storage
	// Bridges default to vmbr0.
	Bridges []string
	// CPUs and MemoryMB are what the node says it has. Defaults 8 and 32768.
	CPUs, MemoryMB int
	// Hypervisor and Disks default to one new Memory.
	Hypervisor Hypervisor
	Disks      Disks
	// TaskTime is the shortest time a task takes. Default none.
	TaskTime time.Duration
	// LockWait is how long a task waits for another one on the same machine
	// before it says "got timeout". Default 10 s, as in Proxmox VE.
	LockWait time.Duration
	// Download fetches for download-url. Default a plain http.Client.
	Download *http.Client
	// LabToken opens /lab/...; empty keeps it shut.
	LabToken string
}

// Storage is a storage of the node.
type Storage struct {
	ID string
	// Type is dir (keeps files), lvmthin or lvm (keep disks only).
	Type    string
	Content []string // of images, iso, import
	// Total is the size in bytes; Taken is what others already use of it.
	Total, Taken int64
}

// fileBased reports whether the storage has a path, which uploads need.
func (s Storage) fileBased() bool { return s.Type == "dir" }

func (s Storage) allows(content string) bool { return slices.Contains(s.Content, content) }

// DefaultStorages are those of a fresh host whose local storage also takes
// import content.
func DefaultStorages() []Storage {
	return []Storage{
		{ID: "local", Type: "dir", Content: []string{"iso", "import"}, Total: 100 << 30},
		{ID: "local-lvm", Type: "lvmthin", Content: []string{"images"}, Total: 400 << 30},
	}
}

var nodeName = regexp.MustCompile(`^[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?$`)

// withDefaults fills what was left out and refuses what cannot be played.
func (o Options) withDefaults() (Options, error) {
	if o.StateDir == "" {
		return o, errors.New("start fakepve: Options.StateDir is not set")
	}
	o.Node = orElse(o.Node, "pve")
	o.Major = orElse(o.Major, 9)
	o.CPUs = orElse(o.CPUs, 8)
	o.MemoryMB = orElse(o.MemoryMB, 32768)
	o.LockWait = orElse(o.LockWait, 10*time.Second)
	if o.Storages == nil {
		o.Storages = DefaultStorages()
	}
	if o.Bridges == nil {
		o.Bridges = []string{"vmbr0"}
	}
	if o.Download == nil {
		o.Download = &http.Client{}
	}
	if o.Hypervisor == nil && o.Disks == nil {
		m := NewMemory()
		o.Hypervisor, o.Disks = m, m
	}
	return o, o.validate()
}

func (o Options) validate() error {
	if o.Hypervisor == nil || o.Disks == nil {
		return errors.New("start fakepve: set both Options.Hypervisor and Options.Disks, or neither")
	}
	if o.Major != 8 && o.Major != 9 {
		return fmt.Errorf("start fakepve: version %d is not taught, only 8 and 9", o.Major)
	}
	if !nodeName.MatchString(o.Node) {
		return fmt.Errorf("start fakepve: node name %q is not valid", o.Node)
	}
	for _, s := range o.Storages {
		if err := s.validate(); err != nil {
			return err
		}
	}
	return o.Access.validate(o.Major)
}

func (s Storage) validate() error {
	if !slices.Contains([]string{"dir", "lvmthin", "lvm"}, s.Type) {
		return fmt.Errorf("start fakepve: storage %s: type %q is not taught", s.ID, s.Type)
	}
	for _, c := range s.Content {
		if !slices.Contains([]string{"images", "iso", "import"}, c) {
			return fmt.Errorf("start fakepve: storage %s: content %q is not taught", s.ID, c)
		}
		if c != "images" && !s.fileBased() {
			return fmt.Errorf("start fakepve: storage %s: type %s does not support content %q", s.ID, s.Type, c)
		}
	}
	return nil
}

func orElse[T comparable](value, fallback T) T {
	var zero T
	if value == zero {
		return fallback
	}
	return value
}
