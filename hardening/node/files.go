package node

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"syscall"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// maxFile is the largest file that is read: what is larger is no configuration.
const maxFile = 1 << 20

// files fills into and returns those that could not be read, which are left out.
func (h Host) files(paths []string, into *map[string]facts.File) map[string]error {
	out, missing := map[string]facts.File{}, map[string]error{}
	for _, p := range paths {
		var file facts.File
		var err error
		if strings.Contains(path.Base(p), "*") {
			err = h.filesLike(p, out)
		} else {
			file, err = h.file(p)
		}
		if err != nil {
			missing[p] = err
			continue
		}
		out[p] = file
	}
	*into = out
	return missing
}

// filesLike adds the files that match a pattern in a folder.
func (h Host) filesLike(pattern string, into map[string]facts.File) error {
	found, err := matching(disk{h}, path.Dir(pattern), path.Base(pattern))
	if err != nil {
		return fmt.Errorf("list %s: %w", pattern, err)
	}
	for _, p := range found {
		if into[p], err = h.file(p); err != nil {
			delete(into, p)
			return err
		}
	}
	return nil
}

func (h Host) file(p string) (facts.File, error) {
	if !path.IsAbs(p) || path.Clean(p) != p {
		return facts.File{}, fmt.Errorf("read %s: not an absolute, clean path", p)
	}
	b, info, err := h.readFile(p)
	if errors.Is(err, fs.ErrNotExist) {
		return facts.File{}, nil
	}
	if err != nil {
		return facts.File{}, err
	}
	out := facts.File{Exists: true, Content: string(b), Mode: uint32(info.Mode().Perm())}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		out.UID, out.GID = int(stat.Uid), int(stat.Gid)
	}
	return out, nil
}

func (h Host) readSmall(p string) ([]byte, error) {
	b, _, err := h.readFile(p)
	return b, err
}

// readFile reads a file that may belong to somebody else: it neither waits on
// a pipe nor reads without end.
func (h Host) readFile(p string) ([]byte, fs.FileInfo, error) {
	f, err := os.OpenFile(h.path(p), os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, nil, fmt.Errorf("read %s: not a regular file", p)
	}
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, nil, err
	}
	if len(b) > maxFile {
		return nil, nil, fmt.Errorf("read %s: larger than %d bytes", p, maxFile)
	}
	return b, info, nil
}

// names lists a folder; one that is not there has none.
func (h Host) names(dir string) ([]string, error) {
	entries, err := os.ReadDir(h.path(dir))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil, nil
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names, err
}
