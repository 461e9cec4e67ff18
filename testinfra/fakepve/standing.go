package fakepve

import "slices"

// The faults that hold for as long as their rule is set. They match no request.
const (
	// NoPrivilege takes the privilege that Message names from everybody but root.
	NoPrivilege Kind = "no-privilege"
	// Full leaves Free bytes of Storage.
	Full Kind = "full"
)

func (f *Fault) stands() bool { return f.Kind == NoPrivilege || f.Kind == Full }

// withdrawn are the privileges that nobody but root has now; the caller holds
// the mutex.
func (s *Server) withdrawn() []string {
	var out []string
	for _, f := range s.faults {
		if f.Kind == NoPrivilege {
			out = append(out, f.Message)
		}
	}
	return out
}

// storages are those of the node, as full as the faults make them.
func (s *Server) storages() []Storage {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := slices.Clone(s.opts.Storages)
	for i := range out {
		for _, f := range s.faults {
			if f.Kind == Full && orElse(f.Storage, "local-lvm") == out[i].ID {
				out[i].Taken += out[i].Total - f.Free - s.state.usage(out[i])
			}
		}
	}
	return out
}
