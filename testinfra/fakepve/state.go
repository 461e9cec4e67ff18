package fakepve

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"time"
)

// state is all that outlives the process.
type state struct {
	VMs     map[int]*vm        `json:"vms"`
	Volumes map[string]*volume `json:"volumes"`
	Tasks   []*task            `json:"tasks"`
	NextPID int                `json:"nextPID"`
}

// vm is a machine's configuration file and what belongs to it.
type vm struct {
	Config    map[string]string    `json:"config"`
	Pending   map[string]string    `json:"pending,omitempty"`
	Snapshots map[string]*snapshot `json:"snapshots,omitempty"`
	Pool      string               `json:"pool,omitempty"`
	Started   int64                `json:"started,omitempty"`
	LinkedTo  int                  `json:"linkedTo,omitempty"`
}

type snapshot struct {
	Config map[string]string `json:"config"`
	Parent string            `json:"parent,omitempty"`
	Note   string            `json:"note,omitempty"`
	Time   int64             `json:"time"`
}

func (v *vm) clone() vm {
	out := *v
	out.Config, out.Pending = maps.Clone(v.Config), maps.Clone(v.Pending)
	out.Snapshots = maps.Clone(v.Snapshots)
	return out
}

// merged is the configuration with what waits for the next start.
func (v *vm) merged() map[string]string {
	out := maps.Clone(v.Config)
	for k, val := range v.Pending {
		if val == "" {
			delete(out, k)
		} else {
			out[k] = val
		}
	}
	return out
}

func (s *Server) stateFile() string { return filepath.Join(s.opts.StateDir, "state.json") }

// loadState reads what an earlier stand-in left. Its tasks died with it, and
// the locks they held stay, as on the real thing.
func (s *Server) loadState() error {
	s.state = state{VMs: map[int]*vm{}, Volumes: map[string]*volume{}, NextPID: 1000}
	text, err := os.ReadFile(s.stateFile())
	if errors.Is(err, os.ErrNotExist) {
		return s.save()
	}
	if err != nil {
		return fmt.Errorf("read state: %w", err)
	}
	if err := json.Unmarshal(text, &s.state); err != nil {
		return fmt.Errorf("decode state %s: %w", s.stateFile(), err)
	}
	for _, t := range s.state.Tasks {
		if t.End == 0 {
			t.End, t.Exit = time.Now().Unix(), "unexpected status"
		}
	}
	return s.save()
}

// save writes the state; the caller holds the mutex, or is the only one yet.
func (s *Server) save() error {
	text, err := json.MarshalIndent(s.state, "", " ")
	if err != nil {
		return fmt.Errorf("encode state: %w", err)
	}
	return writeFile(s.stateFile(), text, 0o600)
}

// writeFile replaces a file in one step.
func writeFile(path string, data []byte, mode os.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("make folder for %s: %w", filepath.Base(path), err)
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", filepath.Base(path), err)
	}
	_, err = tmp.Write(data)
	err = errors.Join(err, tmp.Chmod(mode), tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", filepath.Base(path), errors.Join(err, os.Remove(tmp.Name())))
	}
	return nil
}

// change runs a function on the state and saves it.
func (s *Server) change(f func(*state) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := f(&s.state); err != nil {
		return err
	}
	return s.save()
}

// load returns a copy of a machine.
func (s *Server) load(vmid int) (vm, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, ok := s.state.VMs[vmid]
	if !ok {
		return vm{}, die("Configuration file 'nodes/%s/qemu-server/%d.conf' does not exist", s.opts.Node, vmid)
	}
	return v.clone(), nil
}

// changeVM runs a function on a machine and saves the state.
func (s *Server) changeVM(vmid int, f func(*vm) error) error {
	return s.change(func(st *state) error {
		v, ok := st.VMs[vmid]
		if !ok {
			return die("Configuration file 'nodes/%s/qemu-server/%d.conf' does not exist", s.opts.Node, vmid)
		}
		return f(v)
	})
}
