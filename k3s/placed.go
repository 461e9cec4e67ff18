package k3s

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"path"

	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/converge"
	"github.com/k3sedge/k3sedge/provision/machine"
)

//go:embed units/*.service
var units embed.FS

func sum(content []byte) string {
	s := sha256.Sum256(content)
	return hex.EncodeToString(s[:])
}

// differs compares what stands on the node with a file of ours.
func (s *seen) differs(want machine.File) ([]converge.Change, error) {
	have, err := s.file(want.Path)
	if err != nil {
		return nil, err
	}
	const ours = "as k3sedge writes it"
	switch {
	case have.Absent:
		return change(want.Path, "absent", ours), nil
	case !have.Mode.IsRegular():
		return change(want.Path, "no file: "+have.Mode.String(), ours), nil
	case have.SHA256 != sum(want.Content):
		return change(want.Path, "other content", ours), nil
	case have.Mode.Perm() != want.Mode || have.UID != 0:
		return change(want.Path, fmt.Sprintf("mode %04o of user %d", have.Mode.Perm(), have.UID), fmt.Sprintf("mode %04o of root", want.Mode)), nil
	}
	return nil, nil
}

// compare compares files in order.
func (s *seen) compare(files ...machine.File) ([]converge.Change, error) {
	var out []converge.Change
	for _, f := range files {
		changes, err := s.differs(f)
		if err != nil {
			return out, err
		}
		out = append(out, changes...)
	}
	return out, nil
}

// place puts those files in their place that are not there, in a folder that
// is made if need be.
func (h *hands) place(ctx context.Context, files ...machine.File) error {
	for _, f := range files {
		now, err := h.seen(ctx)
		if err != nil {
			return err
		}
		changes, err := now.differs(f)
		if err != nil {
			return err
		}
		if len(changes) == 0 {
			continue
		}
		if dir := path.Dir(f.Path); dir != unitDir {
			if err := h.folder(ctx, dir, "0700"); err != nil {
				return err
			}
		}
		if dir := path.Dir(f.Path); dir != manifestsDir { // which K3s reads all the time
			if err := h.distrust(ctx, now.Files[f.Path], sum(f.Content)); err != nil {
				return err
			}
		}
		if err := h.write(ctx, f); err != nil {
			return err
		}
	}
	return nil
}

func checkLogs(_ context.Context, v *view, now *seen) ([]converge.Change, error) {
	if v.node.Role != inventory.Server {
		return nil, nil
	}
	have, err := now.file(logsDir)
	switch {
	case err != nil:
		return nil, err
	case have.Absent:
		return change(logsDir, "absent", "a folder with mode 0700"), nil
	case !have.Mode.IsDir() || have.Mode.Perm() != 0o700 || have.UID != 0:
		return change(logsDir, have.Mode.String(), "a folder of root with mode 0700"), nil
	}
	return nil, nil
}

func makeLogs(ctx context.Context, h *hands) error {
	for _, dir := range []string{serverDir, logsDir} {
		if err := h.folder(ctx, dir, "0700"); err != nil {
			return err
		}
	}
	return nil
}

// unit is the systemd unit of the node's role.
func (v *view) unit() (machine.File, error) {
	name := unitOf(v.node.Role)
	text, err := units.ReadFile("units/" + name)
	return machine.File{Path: unitDir + "/" + name, Content: text, Mode: 0o644}, err
}

func checkUnit(_ context.Context, v *view, now *seen) ([]converge.Change, error) {
	f, err := v.unit()
	if err != nil {
		return nil, err
	}
	return now.compare(f)
}

func writeUnit(ctx context.Context, h *hands) error {
	f, err := h.unit()
	if err != nil {
		return err
	}
	return h.place(ctx, f)
}

// manifestPath is where K3s finds a manifest.
func manifestPath(m Manifest) string { return path.Join(manifestsDir, m.Name) }

// manifests are what K3s applies by itself.
func (v *view) manifests(ctx context.Context) ([]machine.File, error) {
	if v.node.Role != inventory.Server {
		return nil, nil
	}
	out := make([]machine.File, len(v.Manifests))
	for i, m := range v.Manifests {
		content, err := m.Content(ctx)
		if err != nil {
			return nil, fmt.Errorf("render %s: %w", m.Name, err)
		}
		out[i] = machine.File{Path: manifestPath(m), Content: content, Mode: 0o600}
	}
	return out, nil
}

func checkManifests(ctx context.Context, v *view, now *seen) ([]converge.Change, error) {
	want, err := v.manifests(ctx)
	if err != nil {
		return nil, err
	}
	return now.compare(want...)
}

func writeManifests(ctx context.Context, h *hands) error {
	want, err := h.manifests(ctx)
	if err != nil {
		return err
	}
	return h.place(ctx, want...)
}
