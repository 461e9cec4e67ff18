package gitops

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/k3sedge/k3sedge/provision/machine"
)

// Marker is the file that says that a folder is an export.
const Marker = ".k3sedge-export"

// ErrTaken is a folder that is something else than an export of this cluster.
var ErrTaken = errors.New("not an export of this cluster")

// The two sides of a swap, in a folder beside the export.
const newName, oldName = "new", "old"

// Folder is where an export goes.
type Folder struct {
	path    string
	cluster string
	// Former are the files that are there, without the marker; none where the
	// folder is new or empty.
	Former Files
	there  bool
}

// mark is what the marker says.
type mark struct {
	About   string   `json:"about"`
	Cluster string   `json:"cluster"`
	Format  Format   `json:"format"`
	Files   []string `json:"files"`
}

// Open looks at a folder, which is to be absent, empty, or a former export of
// the cluster with nothing beside it.
func Open(path, cluster string) (*Folder, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("find the folder: %w", err)
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real // a link stays one
	}
	f := &Folder{path: path, cluster: cluster, Former: Files{}}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return f, nil
	case err != nil:
		return nil, fmt.Errorf("look at the folder: %w", err)
	case !info.IsDir():
		return nil, machine.WithHint(fmt.Errorf("%s is a file: %w", path, ErrTaken), "name a folder by --to")
	}
	f.there = true
	listed, err := f.marked()
	if err != nil {
		return nil, err
	}
	return f, f.read(listed)
}

// marked are the files of a former export, by its marker, which is one of
// them; none where there is no marker.
func (f *Folder) marked() ([]string, error) {
	path := filepath.Join(f.path, Marker)
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("look at the folder: %w", err)
	case !info.Mode().IsRegular():
		return nil, f.taken(Marker)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the folder: %w", err)
	}
	var m mark
	if err := json.Unmarshal(text, &m); err != nil {
		return nil, machine.WithHint(fmt.Errorf("read %s: %w: %w", Marker, ErrTaken, err), "export to another folder by --to, or empty this one")
	}
	if m.Cluster != f.cluster {
		return nil, machine.WithHint(fmt.Errorf("%s is an export of the cluster %s: %w", f.path, m.Cluster, ErrTaken), "export each cluster to its own folder by --to")
	}
	return append(m.Files, Marker), nil
}

// read takes in the files that are listed. Any other ends it before one is
// opened: a folder that is not ours may be somebody's home.
func (f *Folder) read(listed []string) error {
	var names []string
	err := filepath.WalkDir(f.path, func(path string, entry fs.DirEntry, err error) error {
		name, _ := filepath.Rel(f.path, path) // it is below
		name = filepath.ToSlash(name)
		switch {
		case err != nil:
			return err
		case entry.Name() == ".git":
			return f.taken(name)
		case entry.IsDir():
			return nil
		case !entry.Type().IsRegular() || !slices.Contains(listed, name):
			return f.taken(name)
		}
		names = append(names, name)
		return nil
	})
	for _, name := range names {
		if err == nil && name != Marker {
			f.Former[name], err = os.ReadFile(filepath.Join(f.path, filepath.FromSlash(name)))
		}
	}
	if err != nil && !errors.Is(err, ErrTaken) {
		return fmt.Errorf("read the folder: %w", err)
	}
	return err
}

func (f *Folder) taken(name string) error {
	return machine.WithHint(fmt.Errorf("%s holds %s: %w", f.path, name, ErrTaken),
		"--to takes a folder that is new, empty, or has nothing but a former export; keep your own files beside it")
}

// Write has the folder hold exactly these files, or leaves it as it was. It
// says whether anything was another.
func (f *Folder) Write(format Format, files Files) (bool, error) {
	names := slices.Sorted(maps.Keys(files))
	marker, err := json.MarshalIndent(mark{"written by k3sedge export, which replaces the files that are listed here", f.cluster, format, names}, "", "  ")
	if err != nil {
		return false, fmt.Errorf("write %s: %w", Marker, err)
	}
	if maps.EqualFunc(f.Former, files, bytes.Equal) && len(files) > 0 {
		return false, nil
	}
	above := filepath.Dir(f.path)
	if err := os.MkdirAll(above, 0o755); err != nil {
		return false, fmt.Errorf("make the folder: %w", err)
	}
	beside, err := os.MkdirTemp(above, "."+filepath.Base(f.path)+"-")
	if err != nil {
		return false, machine.WithHint(fmt.Errorf("write beside the folder: %w", err), "the new files are made in %s first: make it writable, or choose another --to", above)
	}
	defer func() {
		_, gone := os.Stat(f.path)
		if _, notThere := os.Stat(filepath.Join(beside, oldName)); gone == nil || notThere != nil {
			_ = os.RemoveAll(beside) // unless the former export is in there and nowhere else
		}
	}()
	all := maps.Clone(files)
	all[Marker] = append(marker, '\n')
	if err := all.fill(filepath.Join(beside, newName)); err != nil {
		return false, fmt.Errorf("write the export: %w", err)
	}
	return true, f.swap(beside)
}

// fill makes a folder with these files.
func (files Files) fill(folder string) error {
	if err := os.Mkdir(folder, 0o755); err != nil {
		return err
	}
	for name, data := range files {
		path := filepath.Join(folder, filepath.FromSlash(name))
		if strings.Contains(name, "/") {
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				return err
			}
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// swap puts the new folder in the place of the old one, which comes back where
// that fails.
func (f *Folder) swap(beside string) error {
	old := filepath.Join(beside, oldName)
	if f.there {
		if err := os.Rename(f.path, old); err != nil {
			return fmt.Errorf("move the former export away: %w", err)
		}
	}
	err := os.Rename(filepath.Join(beside, newName), f.path)
	if err != nil && f.there {
		err = errors.Join(err, os.Rename(old, f.path))
	}
	if err != nil {
		return fmt.Errorf("put the export into its place: %w", err)
	}
	return nil
}
