package look

import (
	"context"
	"io/fs"
	"time"
)

// Version is the format of both documents. An agent of another format is
// another file, because its path carries its hash.
const Version = 1

// Looker looks at one host.
type Looker interface {
	Look(ctx context.Context, r Request) (Answer, error)
}

// Request is what to look at. What it does not name is not looked at.
type Request struct {
	Files    []FileQuery `json:"files,omitempty"`
	Units    []string    `json:"units,omitempty"`
	Journals []string    `json:"journals,omitempty"` // units; the last 40 lines of each since it was started
	Dials    []Dial      `json:"dials,omitempty"`
	Spaces   []string    `json:"spaces,omitempty"` // folders; the nearest that exists is measured
	Sysctls  []string    `json:"sysctls,omitempty"`
	Ports    bool        `json:"ports,omitempty"`    // all TCP and UDP sockets that listen
	Counters bool        `json:"counters,omitempty"` // of our own firewall table
	// Interfaces asks which network interface carries which address.
	Interfaces bool `json:"interfaces,omitempty"`
}

// FileQuery is a file to look at.
type FileQuery struct {
	Path string `json:"path"`
	// Content asks for the file itself, at most MaxContent bytes of it.
	Content bool `json:"content,omitempty"`
	// NoSum leaves out the checksum of a file whose presence is enough.
	NoSum bool `json:"noSum,omitempty"`
}

// MaxContent is the largest file whose content is handed out, in bytes.
const MaxContent = 1 << 20

// Answer is what was there. A part that could not be looked at is an error
// text in its own place, never an empty one.
type Answer struct {
	Version int             `json:"version"`
	Time    time.Time       `json:"time"` // the host's clock
	Arch    string          `json:"arch"` // as Go names it, such as amd64; always told
	Files   map[string]File `json:"files,omitempty"`
	Units   map[string]Unit `json:"units,omitempty"`
	// Journals are the last lines of each unit, oldest first.
	Journals map[string]Journal `json:"journals,omitempty"`
	Dials    []DialAnswer       `json:"dials,omitempty"` // in the order of the request
	Spaces   map[string]Space   `json:"spaces,omitempty"`
	Sysctls  map[string]string  `json:"sysctls,omitempty"` // absent keys are left out
	Ports    []Port             `json:"ports,omitempty"`
	Counters []Counter          `json:"counters,omitempty"`
	// Interfaces are the names by address, without prefix lengths.
	Interfaces map[string]string `json:"interfaces,omitempty"`
	// Failed says why a whole part could not be looked at, by the name of the
	// request's field, such as "ports".
	Failed map[string]string `json:"failed,omitempty"`
}

// File is what stands at a path.
type File struct {
	Absent  bool        `json:"absent,omitempty"`
	Mode    fs.FileMode `json:"mode"` // permissions and type
	UID     int         `json:"uid"`
	Size    int64       `json:"size"`
	Changed int64       `json:"changed,omitempty"` // last change of content or inode, Unix time in ns
	SHA256  string      `json:"sha256,omitempty"`
	Link    string      `json:"link,omitempty"` // where a symbolic link points to
	Content []byte      `json:"content,omitempty"`
	Err     string      `json:"err,omitempty"`
}

// Unit is the state of a systemd unit, in systemd's own words.
type Unit struct {
	Load     string `json:"load"`   // loaded, not-found, masked
	Active   string `json:"active"` // active, activating, failed, inactive
	Sub      string `json:"sub"`
	File     string `json:"file"` // enabled, disabled
	Result   string `json:"result"`
	Exit     int    `json:"exit"`     // of the main process
	Restarts int    `json:"restarts"` // by systemd, since it was started
	// Reload says that the unit's file is newer than what systemd has read.
	Reload  bool      `json:"reload,omitempty"`
	MainPID int       `json:"mainPid"`
	Since   time.Time `json:"since"` // start of the main process
}

// Journal is the end of a unit's log.
type Journal struct {
	Lines []string `json:"lines,omitempty"`
	Err   string   `json:"err,omitempty"`
}

// Space is the room on the file system of a folder, in bytes.
type Space struct {
	Free  int64  `json:"free"` // for root
	Total int64  `json:"total"`
	Err   string `json:"err,omitempty"`
}

// Port is a listening socket.
type Port struct {
	Proto   string `json:"proto"` // tcp, udp
	Address string `json:"address"`
	Port    uint16 `json:"port"`
	Process string `json:"process,omitempty"`
	PID     int    `json:"pid,omitempty"`
}

// Counter is a counting rule of our own firewall table.
type Counter struct {
	Chain   string `json:"chain"`
	Rule    string `json:"rule"` // its comment, or its text
	Packets uint64 `json:"packets"`
}
