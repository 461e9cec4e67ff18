package node

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// deepFile keeps the last walk. It is written when a walk is asked for, and is
// the one file that a look writes.
const deepFile = StateDir + "/deep.json"

// deepAge is how long a walk is as good as a new one.
const deepAge = time.Hour

// deepCache is a walk, and what it was of.
type deepCache struct {
	BootID   string     `json:"bootID"`
	Packages int64      `json:"packages"` // when dpkg's database was changed
	Deep     facts.Deep `json:"deep"`
}

// cachedDeep is the last walk where it is young and dpkg has changed nothing
// since, and a new one otherwise. What the last one found is looked at again,
// so that nothing is told that has been mended since.
func (h Host) cachedDeep(ctx context.Context) (*facts.Deep, error) {
	bootID, err := h.line(bootIDFile)
	if err != nil {
		return nil, fmt.Errorf("walk the disks: %w", err)
	}
	status, err := h.stat(dpkgStatus)
	if err != nil {
		return nil, fmt.Errorf("walk the disks: %w", err)
	}
	var c deepCache
	if h.readJSON(deepFile, &c) == nil && c.BootID == bootID && c.Packages == status.ModTime && h.isYoung(c.Deep.At) {
		h.stillThere(&c.Deep)
		return &c.Deep, nil
	}
	found, err := h.deep(ctx)
	if err != nil {
		return nil, fmt.Errorf("walk the disks: %w", err)
	}
	err = h.makeFolders(deepFile, 0o700)
	if err == nil {
		err = h.writeJSON(deepFile, deepCache{BootID: bootID, Packages: status.ModTime, Deep: *found})
	}
	if err != nil {
		return found, fmt.Errorf("keep what the walk has found: %w", err)
	}
	return found, nil
}

func (h Host) isYoung(at int64) bool {
	age := h.Now().Sub(time.Unix(at, 0))
	return age >= 0 && age < deepAge
}

// stillThere leaves out what is not as it was found.
func (h Host) stillThere(d *facts.Deep) {
	for _, list := range []*[]facts.DeepFile{&d.Special, &d.Open, &d.Unowned} {
		*list = slices.DeleteFunc(*list, func(f facts.DeepFile) bool {
			s, err := h.stat(f.Path)
			return err == nil && (s.Kind == facts.KindAbsent || s.Kind != facts.KindLink && (s.Mode != f.Mode || s.UID != f.UID || s.GID != f.GID))
		})
	}
}

// ownSpecial finds the packages of special files in dpkg's lists.
func (h Host) ownSpecial(files []facts.DeepFile) error {
	if len(files) == 0 {
		return nil
	}
	names, err := h.names(dpkgInfo)
	if err != nil {
		return err
	}
	for _, name := range names {
		if path.Ext(name) != ".list" {
			continue
		}
		b, err := os.ReadFile(h.path(path.Join(dpkgInfo, name)))
		if err != nil && !isAbsent(err) {
			return err
		}
		pkg, _, _ := strings.Cut(strings.TrimSuffix(name, ".list"), ":")
		for i := range files {
			if files[i].Package == "" && inList(b, files[i].Path) {
				files[i].Package = pkg
			}
		}
	}
	return nil
}

// inList reports whether a list has the path. Debian's /bin is a link to
// /usr/bin since long, and old lists say /bin.
func inList(list []byte, p string) bool {
	for _, name := range []string{p, strings.TrimPrefix(p, "/usr")} {
		line := []byte(name + "\n")
		if i := bytes.Index(list, line); i == 0 || i > 0 && (list[i-1] == '\n' || bytes.Contains(list, append([]byte{'\n'}, line...))) {
			return true
		}
	}
	return false
}
