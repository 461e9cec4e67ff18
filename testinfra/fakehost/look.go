package fakehost

import (
	"context"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/k3sedge/k3sedge/provision/machine/look"
)

// plenty is the room of a folder that nothing else was said of, in bytes.
const plenty = 100 << 30

// Look answers from the host's state, as the node agent does.
func (h *Host) Look(ctx context.Context, r look.Request) (look.Answer, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.reached(ctx); err != nil {
		return look.Answer{}, err
	}
	if err := r.Check(); err != nil {
		h.t.Errorf("fakehost: a look that a real host refuses: %v", err)
		return look.Answer{}, fmt.Errorf("%w: %w", look.ErrRequest, err)
	}
	h.looks = append(h.looks, r)
	s := h.state.clone()
	a := look.Answer{Version: look.Version, Time: s.Time, Arch: s.Arch, Failed: s.Failed}
	if a.Time.IsZero() {
		a.Time = time.Now()
	}
	a.Files = each(r.Files, func(q look.FileQuery) (string, look.File) { return q.Path, s.look(q) })
	a.Units = each(r.Units, func(name string) (string, look.Unit) { return name, s.unit(name) })
	a.Journals = each(r.Journals, func(name string) (string, look.Journal) {
		return name, look.Journal{Lines: slices.Clone(s.Journals[name])}
	})
	a.Spaces = each(r.Spaces, func(folder string) (string, look.Space) { return folder, s.space(folder) })
	a.Sysctls = each(r.Sysctls, func(key string) (string, string) { return key, s.Sysctls[key] })
	for key := range a.Sysctls {
		if _, ok := s.Sysctls[key]; !ok {
			delete(a.Sysctls, key)
		}
	}
	for _, d := range r.Dials {
		a.Dials = append(a.Dials, s.dial(d))
	}
	if r.Ports {
		a.Ports = s.Ports
	}
	if r.Counters {
		a.Counters = s.Counters
	}
	if r.Interfaces {
		a.Interfaces = s.Interfaces
	}
	return a, nil
}

func each[Q, A any](queries []Q, answer func(Q) (string, A)) map[string]A {
	if len(queries) == 0 {
		return nil
	}
	out := make(map[string]A, len(queries))
	for _, q := range queries {
		key, a := answer(q)
		out[key] = a
	}
	return out
}

func (s *State) look(q look.FileQuery) look.File {
	f, ok := s.Files[q.Path]
	if !ok {
		return look.File{Absent: true}
	}
	out := look.File{Mode: f.Mode, UID: f.UID, Size: int64(len(f.Content)), Link: f.Link, Changed: f.changed()}
	if f.Mode.Type() != fs.FileMode(0) {
		return out
	}
	if !q.NoSum {
		out.SHA256 = sum(f.Content)
	}
	switch {
	case q.Content && len(f.Content) > look.MaxContent:
		out.Err = "larger than 1 MiB"
	case q.Content:
		out.Content = slices.Clone(f.Content)
	}
	return out
}

func (s *State) unit(name string) look.Unit {
	if u, ok := s.Units[name]; ok {
		return u
	}
	return look.Unit{Load: "not-found", Active: "inactive", Sub: "dead", Result: "success"}
}

func (s *State) space(folder string) look.Space {
	if room, ok := s.Spaces[folder]; ok {
		return room
	}
	return look.Space{Free: plenty, Total: plenty}
}

func (s *State) dial(d look.Dial) look.DialAnswer {
	if a, ok := s.Dials[d.Address]; ok {
		return a
	}
	return look.DialAnswer{Outcome: look.Refused, Err: "connection refused"}
}
