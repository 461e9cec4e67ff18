package k3s

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"

	"github.com/k3sedge/k3sedge/k3s/release"
	"github.com/k3sedge/k3sedge/provision/converge"
	"github.com/k3sedge/k3sedge/provision/machine"
)

const mebibyte = 1 << 20

// imagesPath is where K3s looks for images before it asks a registry. It takes
// what comes while it runs as well.
func imagesPath(archive string) string { return imagesDir + "/" + archive }

func checkBinary(ctx context.Context, v *view, now *seen) ([]converge.Change, error) {
	files, err := v.release(ctx)
	if err != nil {
		return nil, err
	}
	have, err := now.file(binaryPath)
	want := files.Version + ", " + files.Binary.SHA256
	switch {
	case err != nil:
		return nil, err
	case have.Absent:
		return change(binaryPath, "absent", want), nil
	case have.SHA256 != files.Binary.SHA256:
		return change(binaryPath, "another one, "+have.SHA256, want), nil
	case have.Mode != 0o755 || have.UID != 0:
		return change(binaryPath, fmt.Sprintf("%s of user %d", have.Mode, have.UID), "mode 0755 of root"), nil
	}
	return nil, nil
}

func uploadBinary(ctx context.Context, h *hands) error {
	files, err := h.release(ctx)
	if err != nil {
		return err
	}
	now, err := h.seen(ctx)
	if err != nil {
		return err
	}
	if err := h.distrust(ctx, now.Files[binaryPath], files.Binary.SHA256); err != nil {
		return err
	}
	return h.upload(ctx, files.Binary, binaryPath, 0o755)
}

// checkImages goes by the size: to read hundreds of megabytes at each run would
// tell no more, because they arrived with their checksum.
func checkImages(ctx context.Context, v *view, now *seen) ([]converge.Change, error) {
	files, err := v.release(ctx)
	if err != nil {
		return nil, err
	}
	var out []converge.Change
	for _, archive := range files.Archives() {
		path := imagesPath(archive.Name)
		have, err := now.file(path)
		switch {
		case err != nil:
			return nil, err
		case have.Absent:
			out = append(out, converge.Change{ID: path, Have: "absent", Want: archive.Name + " for " + files.Version})
		case archive.Size != 0 && have.Size != archive.Size:
			out = append(out, converge.Change{ID: path, Have: fmt.Sprintf("%d bytes", have.Size), Want: fmt.Sprintf("%d bytes", archive.Size)})
		}
	}
	return out, nil
}

// uploadImages brings those that are not there.
func uploadImages(ctx context.Context, h *hands) error {
	files, err := h.release(ctx)
	if err != nil {
		return err
	}
	now, err := h.seen(ctx)
	if err != nil {
		return err
	}
	open, err := checkImages(ctx, h.view, now)
	if err != nil {
		return err
	}
	for _, archive := range files.Archives() {
		path := imagesPath(archive.Name)
		if !slices.ContainsFunc(open, func(c converge.Change) bool { return c.ID == path }) {
			continue
		}
		if err := h.upload(ctx, archive, path, 0o600); err != nil {
			return err
		}
	}
	return nil
}

func (h *hands) upload(ctx context.Context, f release.File, path string, mode fs.FileMode) error {
	defer h.forget()
	told := int64(-1)
	return h.host.Upload(ctx, machine.Upload{
		Path: path, Mode: mode, Size: f.Size, SHA256: f.SHA256,
		Open: func() (io.ReadCloser, error) { return os.Open(f.Path) },
		Progress: func(sent int64) {
			if sent/mebibyte == told && sent < f.Size {
				return
			}
			told = sent / mebibyte
			converge.Waiting(ctx, fmt.Sprintf("%s to arrive (%d of %d MiB)", f.Name, told, (f.Size+mebibyte-1)/mebibyte), "")
		},
	})
}

// checkSpace wants room for what is still to come: the upload, the copy in its
// place, and what K3s unpacks of it.
func checkSpace(ctx context.Context, v *view, now *seen) ([]converge.Change, error) {
	files, err := v.release(ctx)
	if err != nil {
		return nil, err
	}
	missing, err := now.missing(files)
	if err != nil || missing == 0 {
		return nil, err
	}
	const unpacked, reserve = 4, 1 << 30
	room, ok := now.Spaces[dataDir]
	if !ok || room.Err != "" {
		return nil, fmt.Errorf("free space of %s: %w: %s", dataDir, errNotTold, room.Err)
	}
	if need := unpacked*missing + reserve; room.Free < need {
		return change("free space at "+dataDir, fmt.Sprintf("%d MiB", room.Free/mebibyte), fmt.Sprintf("%d MiB", need/mebibyte)), nil
	}
	return nil, nil
}

// missing is the size of the release's files that are not on the node.
func (s *seen) missing(files release.Files) (int64, error) {
	var bytes int64
	wanted := map[string]release.File{binaryPath: files.Binary}
	for _, archive := range files.Archives() {
		wanted[imagesPath(archive.Name)] = archive
	}
	for path, f := range wanted {
		have, err := s.file(path)
		if err != nil {
			return 0, err
		}
		if have.Absent || have.Size != f.Size {
			bytes += f.Size
		}
	}
	return bytes, nil
}

func spaceError(node string, is converge.Change) error {
	return machine.WithHint(fmt.Errorf("%s has no room for K3s and its images: %s free, %s needed", node, is.Have, is.Want),
		"enlarge its disk (nodes[].disk), or remove what you do not need: `sudo du -xh --max-depth=2 / | sort -h` on %s shows what is large", node)
}
