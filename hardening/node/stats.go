package node

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"
	"syscall"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// stats fills into with the owner and mode of paths and of what matches a
// pattern, and returns those that could not be looked at, which are left out.
func (h Host) stats(paths []string, into *map[string]facts.Stat) map[string]error {
	out, missing := map[string]facts.Stat{}, map[string]error{}
	for _, p := range paths {
		if err := h.statInto(p, out); err != nil {
			missing[p] = err
		}
	}
	*into = out
	return missing
}

func (h Host) statInto(p string, into map[string]facts.Stat) error {
	if !path.IsAbs(p) || path.Clean(p) != p {
		return fmt.Errorf("look at %s: not an absolute, clean path", p)
	}
	if !strings.Contains(path.Base(p), "*") {
		s, err := h.stat(p)
		if err == nil {
			into[p] = s
		}
		return err
	}
	found, err := matching(disk{h}, path.Dir(p), path.Base(p))
	if err != nil {
		return fmt.Errorf("list %s: %w", p, err)
	}
	for _, name := range found {
		s, err := h.stat(name)
		if err != nil {
			return err
		}
		into[name] = s
	}
	into[p] = facts.Stat{Kind: facts.KindListed}
	return nil
}

func (h Host) stat(p string) (facts.Stat, error) {
	info, err := os.Lstat(h.path(p))
	if isAbsent(err) {
		return facts.Stat{Kind: facts.KindAbsent}, nil
	}
	if err != nil {
		return facts.Stat{}, err
	}
	kind := kindOf(info.Mode())
	if kind == facts.KindLink {
		info, err = os.Stat(h.path(p))
		if isAbsent(err) {
			return facts.Stat{Kind: kind}, nil
		}
		if err != nil {
			return facts.Stat{}, err
		}
	}
	out := facts.Stat{Kind: kind, ModTime: info.ModTime().Unix()}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		out.Mode, out.UID, out.GID = stat.Mode&0o7777, int(stat.Uid), int(stat.Gid)
	}
	if kind == facts.KindFile || kind == facts.KindFolder {
		_, err := h.attr(p)
		out.Fixed = err != nil
	}
	return out, nil
}

// isAbsent reports whether a path is not there, or below something that is no folder.
func isAbsent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

func kindOf(mode fs.FileMode) string {
	switch mode.Type() {
	case 0:
		return facts.KindFile
	case fs.ModeDir:
		return facts.KindFolder
	case fs.ModeSymlink:
		return facts.KindLink
	}
	return facts.KindOther
}
