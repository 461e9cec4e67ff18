package fakehost

import (
	"hash/crc32"
	"io/fs"
	"maps"
	"path"
	"slices"
	"time"

	"github.com/k3sedge/k3sedge/provision/machine/look"
)

// File is a file, folder or symbolic link of a State.
type File struct {
	Mode    fs.FileMode // with its type
	UID     int
	Content []byte
	Link    string
}

// changed stands for the time of the last change: it is another one for other content.
func (f File) changed() int64 { return int64(crc32.ChecksumIEEE(f.Content)) + 1 }

// State is all that a host is.
type State struct {
	Files    map[string]File
	Units    map[string]look.Unit
	Journals map[string][]string
	Sysctls  map[string]string
	Spaces   map[string]look.Space // a folder without one has plenty
	Ports    []look.Port
	Counters []look.Counter
	// Interfaces are the names of the interfaces by their addresses.
	Interfaces map[string]string
	Arch       string
	// Dials are the answers to look.Dial by address; an address without one
	// refuses.
	Dials map[string]look.DialAnswer
	// Time is the host's clock; zero is the real one.
	Time time.Time
	// Failed are the parts that cannot be looked at, as in look.Answer.
	Failed map[string]string
	// Down, when set, is the error of every call.
	Down error
}

// newState is a Debian with its folders and nothing in them.
func newState() State {
	s := State{
		Files: map[string]File{}, Units: map[string]look.Unit{}, Journals: map[string][]string{},
		Interfaces: map[string]string{"127.0.0.1": "lo"}, Arch: "amd64",
		Sysctls: map[string]string{}, Spaces: map[string]look.Space{}, Dials: map[string]look.DialAnswer{}, Failed: map[string]string{},
	}
	for _, folder := range []string{"/etc/systemd/system", "/etc/sysctl.d", "/etc/modules-load.d", "/usr/local/bin", "/usr/local/lib", "/var/lib", "/run", "/tmp"} {
		s.Mkdir(folder, 0o755)
	}
	return s
}

// Mkdir makes a folder of root's, and those above it that are missing.
func (s *State) Mkdir(folder string, mode fs.FileMode) {
	for p := path.Dir(folder); !s.isFolder(p); p = path.Dir(p) {
		s.Files[p] = File{Mode: fs.ModeDir | 0o755}
	}
	s.Files[folder] = File{Mode: fs.ModeDir | mode.Perm()}
}

// Put puts a file of root's in its place, with the folders above it.
func (s *State) Put(name string, content []byte, mode fs.FileMode) {
	if !s.isFolder(path.Dir(name)) {
		s.Mkdir(path.Dir(name), 0o755)
	}
	s.Files[name] = File{Mode: mode, Content: slices.Clone(content)}
}

func (s *State) isFolder(p string) bool { return s.Files[p].Mode.IsDir() }

func (s State) clone() State {
	s.Files, s.Units, s.Journals = maps.Clone(s.Files), maps.Clone(s.Units), maps.Clone(s.Journals)
	s.Sysctls, s.Spaces, s.Dials, s.Failed = maps.Clone(s.Sysctls), maps.Clone(s.Spaces), maps.Clone(s.Dials), maps.Clone(s.Failed)
	s.Ports, s.Counters = slices.Clone(s.Ports), slices.Clone(s.Counters)
	s.Interfaces = maps.Clone(s.Interfaces)
	return s
}

// Running is a unit that was started just now and starts at boot.
func Running() look.Unit {
	return look.Unit{Load: "loaded", Active: "active", Sub: "running", File: "enabled", Result: "success", MainPID: 4711, Since: time.Now()}
}

// Stopped is a unit that is there and does not run.
func Stopped() look.Unit {
	return look.Unit{Load: "loaded", Active: "inactive", Sub: "dead", File: "disabled", Result: "success"}
}
