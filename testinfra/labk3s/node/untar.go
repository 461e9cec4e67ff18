package node

import (
	"archive/tar"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// untar unpacks one layer over what is there. Nothing is ever written outside
// root: os.Root sees to it, whatever the links in a layer say.
func untar(archive *tar.Reader, root *os.Root) error {
	for {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the archive: %w", err)
		}
		name := path.Clean(strings.TrimPrefix(h.Name, "/"))
		if name == "." {
			continue
		}
		if err := unpack(archive, root, h, name); err != nil {
			return fmt.Errorf("unpack %s: %w", h.Name, err)
		}
	}
}

func unpack(archive *tar.Reader, root *os.Root, h *tar.Header, name string) error {
	if err := root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return err
	}
	if hidden, ok := strings.CutPrefix(path.Base(name), ".wh."); ok {
		return root.RemoveAll(path.Join(path.Dir(name), hidden))
	}
	if h.Typeflag != tar.TypeDir {
		if err := root.RemoveAll(name); err != nil {
			return err
		}
	}
	switch h.Typeflag {
	case tar.TypeDir:
		if err := root.MkdirAll(name, 0o755); err != nil {
			return err
		}
	case tar.TypeReg:
		if err := write(root, name, archive); err != nil {
			return err
		}
	case tar.TypeSymlink:
		return root.Symlink(h.Linkname, name)
	case tar.TypeLink:
		return root.Link(path.Clean(strings.TrimPrefix(h.Linkname, "/")), name)
	default:
		return nil // devices: the runner gives each container its own
	}
	return own(root, name, h)
}

// own gives a file to whom the layer says. Only root may, and only root runs containers.
func own(root *os.Root, name string, h *tar.Header) error {
	if os.Geteuid() == 0 {
		if err := root.Lchown(name, h.Uid, h.Gid); err != nil {
			return err
		}
	}
	mode := h.FileInfo().Mode()
	return root.Chmod(name, mode.Perm()|mode&(fs.ModeSetuid|fs.ModeSetgid|fs.ModeSticky))
}

func write(root *os.Root, name string, from io.Reader) error {
	f, err := root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, from)
	return errors.Join(err, f.Close())
}

// intake tells that an archive, as it was then, is in the store.
type intake struct {
	Size     int64
	Modified time.Time
	Images   map[string]image
}

func (i *images) recordFile(file string) string {
	return filepath.Join(i.store, filepath.Base(file)+".json")
}

// known finds an archive that was taken in before and has not changed since.
func (i *images) known(file string) ([]string, error) {
	var r intake
	if err := readJSON(i.recordFile(file), &r); err != nil {
		return nil, err
	}
	info, err := os.Stat(file)
	if err != nil {
		return nil, err
	}
	if info.Size() != r.Size || !info.ModTime().Equal(r.Modified) {
		return nil, errors.New("the archive has changed")
	}
	for _, img := range r.Images {
		if _, err := os.Stat(img.Root); err != nil {
			return nil, err
		}
	}
	return i.offer(r.Images), nil
}

func (i *images) remember(file string, taken map[string]image) ([]string, error) {
	info, err := os.Stat(file)
	if err != nil {
		return nil, err
	}
	content, err := json.Marshal(intake{info.Size(), info.ModTime(), taken})
	if err != nil {
		return nil, fmt.Errorf("keep a record: %w", err)
	}
	if err := os.WriteFile(i.recordFile(file), content, 0o600); err != nil {
		return nil, fmt.Errorf("keep a record: %w", err)
	}
	return i.offer(taken), nil
}

func (i *images) offer(taken map[string]image) []string {
	i.mu.Lock()
	defer i.mu.Unlock()
	var names []string
	for name, img := range taken {
		i.byName[name] = img
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
