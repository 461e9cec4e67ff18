package k3s

import (
	"context"
	"encoding/json"
	"fmt"
	"path"
	"time"

	"github.com/k3sedge/k3sedge/provision/machine"
	"github.com/k3sedge/k3sedge/provision/machine/look"
)

// marker tells with what K3s was last started. It is written after the start:
// a run that ends in between makes one start too many, never one too few.
type marker struct {
	Version string `json:"version"`
	SHA256  string `json:"sha256"` // of all that takes a restart to be noticed
}

// noted is the marker as it is kept, with the start that it is of.
type noted struct {
	marker
	Since time.Time `json:"since"`
}

// noted returns what is kept of the last start; it is empty before the first.
func (s *seen) noted() (noted, error) {
	var n noted
	f, err := s.file(markerPath)
	if err != nil || f.Absent {
		return n, err
	}
	if err := json.Unmarshal(f.Content, &n); err != nil {
		return noted{marker: marker{SHA256: "unreadable"}}, nil // somebody's: it is written anew
	}
	return n, nil
}

func (s *seen) marker() (marker, error) {
	n, err := s.noted()
	return n.marker, err
}

// distrust has K3s started anew before something is written over that it reads
// when it starts, if it was started since we have noted it: by whom, and with
// what, nobody knows.
func (h *hands) distrust(ctx context.Context, have look.File, want string) error {
	now, err := h.seen(ctx)
	if err != nil || have.SHA256 == want {
		return err
	}
	n, err := now.noted()
	if err != nil || n.SHA256 == "" {
		return err
	}
	u, err := now.unit(unitOf(h.node.Role))
	if err != nil || u.Since.Equal(n.Since) {
		return err
	}
	return h.note(ctx, marker{Version: n.Version, SHA256: "written over"})
}

// wantedMarker is that of a start with what the node shall have.
func (v *view) wantedMarker(ctx context.Context) (marker, error) {
	files, err := v.release(ctx)
	if err != nil {
		return marker{}, err
	}
	s, err := v.settings(ctx)
	if err != nil {
		return marker{}, err
	}
	config, err := s.file()
	if err != nil {
		return marker{}, err
	}
	unit, err := v.unit()
	if err != nil {
		return marker{}, err
	}
	policies, err := v.policies()
	if err != nil {
		return marker{}, err
	}
	all := files.Binary.SHA256
	for _, f := range append(policies, config, unit) {
		all += "\n" + sum(f.Content)
	}
	return marker{files.Version, sum([]byte(all))}, nil
}

// note writes the marker, for the start that there was last.
func (h *hands) note(ctx context.Context, m marker) error {
	now, err := h.seen(ctx)
	if err != nil {
		return err
	}
	u, err := now.unit(unitOf(h.node.Role))
	if err != nil {
		return err
	}
	text, err := json.Marshal(noted{m, u.Since})
	if err != nil {
		return fmt.Errorf("encode %s: %w", markerPath, err)
	}
	if err := h.folder(ctx, path.Dir(markerPath), "0700"); err != nil {
		return err
	}
	return h.write(ctx, machine.File{Path: markerPath, Content: append(text, '\n'), Mode: 0o600})
}
