package node

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"
)

// savedFile is a path as it is, was or shall be: a file, a link, or nothing.
type savedFile struct {
	Path    string `json:"path"`
	Absent  bool   `json:"absent,omitempty"`
	Link    string `json:"link,omitempty"` // target
	Content []byte `json:"content,omitempty"`
	Mode    uint32 `json:"mode,omitempty"`
	UID     int    `json:"uid"`
	GID     int    `json:"gid"`
}

func (f savedFile) equal(o savedFile) bool {
	if f.Absent || o.Absent || f.Link != "" || o.Link != "" {
		return f.Absent == o.Absent && f.Link == o.Link
	}
	return bytes.Equal(f.Content, o.Content) && f.Mode == o.Mode && f.UID == o.UID && f.GID == o.GID
}

// look returns what stands at p.
func (h Host) look(p string) (savedFile, error) {
	out := savedFile{Path: p}
	info, err := os.Lstat(h.path(p))
	if errors.Is(err, fs.ErrNotExist) {
		out.Absent = true
		return out, nil
	}
	if err != nil {
		return out, err
	}
	if info.Mode()&fs.ModeSymlink != 0 {
		out.Link, err = os.Readlink(h.path(p))
		return out, err
	}
	b, info, err := h.readFile(p)
	if err != nil {
		return out, err
	}
	out.Content, out.Mode = b, uint32(info.Mode().Perm())
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		out.UID, out.GID = int(stat.Uid), int(stat.Gid)
	}
	return out, nil
}

// temporary is the one name beside p that a write may leave behind when it is
// killed. It is hidden and no .conf, so that nothing includes it.
func temporary(p string) string { return path.Join(path.Dir(p), "."+path.Base(p)+".k3sedge") }

// write puts a file or a link in its place: whoever looks sees the old one or
// the new one, also after a power cut.
func (h Host) write(f savedFile) error {
	if f.Absent {
		return h.remove(f.Path)
	}
	tmp := h.path(temporary(f.Path))
	if err := h.writeTemporary(tmp, f); err != nil {
		return fmt.Errorf("write %s: %w", f.Path, err)
	}
	if err := h.step("rename " + f.Path); err != nil {
		return err
	}
	if err := os.Rename(tmp, h.path(f.Path)); err != nil {
		return fmt.Errorf("write %s: %w", f.Path, err)
	}
	return syncDir(filepath.Dir(tmp))
}

func (h Host) writeTemporary(tmp string, f savedFile) error {
	if err := os.Remove(tmp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if f.Link != "" {
		return os.Symlink(f.Link, tmp)
	}
	file, err := os.OpenFile(tmp, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	if _, err := file.Write(f.Content); err != nil {
		return err
	}
	if f.UID != os.Geteuid() || f.GID != os.Getegid() {
		if err := file.Chown(f.UID, f.GID); err != nil {
			return err
		}
	}
	if err := file.Chmod(fs.FileMode(f.Mode)); err != nil {
		return err
	}
	if err := file.Sync(); err != nil {
		return err
	}
	return file.Close()
}

// remove takes a file away; one that is not there is fine.
func (h Host) remove(p string) error {
	err := os.Remove(h.path(p))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("remove %s: %w", p, err)
	}
	return syncDir(filepath.Dir(h.path(p)))
}

// syncDir makes what was renamed or removed in a folder last.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// missingFolders lists the folders above p that are not there, the outermost
// first. One that is a link or a file is refused: the path would not be where
// it says.
func (h Host) missingFolders(p string) ([]string, error) {
	var missing []string
	dir := "/"
	for part := range strings.SplitSeq(strings.Trim(path.Dir(p), "/"), "/") {
		dir = path.Join(dir, part)
		info, err := os.Lstat(h.path(dir))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			missing = append(missing, dir)
		case err != nil:
			return nil, err
		case !info.IsDir():
			return nil, fmt.Errorf("%s: %s is not a folder", p, dir)
		}
	}
	return missing, nil
}

// makeFolders makes the folders above p that are not there.
func (h Host) makeFolders(p string, mode fs.FileMode) error {
	missing, err := h.missingFolders(p)
	if err != nil {
		return err
	}
	for _, dir := range missing {
		if err := os.Mkdir(h.path(dir), mode); err != nil {
			return err
		}
		if err := syncDir(filepath.Dir(h.path(dir))); err != nil {
			return err
		}
	}
	return nil
}
