package node

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// openOwned opens a file or folder for a change of its owner. Nothing on the
// way may be a link: whoever owns a folder could turn one to somewhere else.
func (h Host) openOwned(p string) (*os.File, error) {
	root, err := os.Open(h.path("/"))
	if err != nil {
		return nil, err
	}
	defer root.Close()
	fd, err := unix.Openat2(int(root.Fd()), strings.TrimPrefix(p, "/"), &unix.OpenHow{
		Flags: unix.O_RDONLY | unix.O_NONBLOCK | unix.O_NOCTTY | unix.O_CLOEXEC, Resolve: unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_BENEATH,
	})
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: p, Err: err}
	}
	return os.NewFile(uintptr(fd), p), nil
}

// attr returns the present owner and mode of a file or folder.
func (h Host) attr(p string) (facts.AttrChange, error) {
	f, err := h.openOwned(p)
	if err != nil {
		return facts.AttrChange{}, err
	}
	defer f.Close()
	return attrOf(f, p)
}

func attrOf(f *os.File, p string) (facts.AttrChange, error) {
	info, err := f.Stat()
	if err != nil {
		return facts.AttrChange{}, err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case !ok || !info.Mode().IsRegular() && !info.IsDir():
		return facts.AttrChange{}, errors.New("neither a file nor a folder")
	case info.Mode().IsRegular() && stat.Nlink > 1:
		return facts.AttrChange{}, errors.New("the file has another name as well")
	}
	return facts.AttrChange{Path: p, Mode: stat.Mode & 0o7777, UID: int(stat.Uid), GID: int(stat.Gid)}, nil
}

// setAttr gives a file its owner and mode. The owner comes first: to change it
// clears bits of the mode. In between, nobody has more than before or after.
func (h Host) setAttr(a facts.AttrChange) error {
	f, err := h.openOwned(a.Path)
	if err != nil {
		return err
	}
	defer f.Close()
	have, err := attrOf(f, a.Path)
	if err != nil || have == a {
		return err
	}
	if err := unix.Fchmod(int(f.Fd()), have.Mode&a.Mode); err != nil {
		return fmt.Errorf("set mode of %s: %w", a.Path, err)
	}
	if have.UID != a.UID || have.GID != a.GID {
		if err := f.Chown(a.UID, a.GID); err != nil {
			return fmt.Errorf("set owner of %s: %w", a.Path, err)
		}
	}
	if err := unix.Fchmod(int(f.Fd()), a.Mode); err != nil {
		return fmt.Errorf("set mode of %s: %w", a.Path, err)
	}
	return f.Sync()
}

func (h Host) touchAttrs(attrs []facts.AttrChange) error {
	for _, a := range attrs {
		if err := h.step("owner " + a.Path); err != nil {
			return err
		}
		if err := h.setAttr(a); err != nil {
			return err
		}
	}
	return nil
}

func (h Host) saveAttrs(t facts.Transaction, s *saved) error {
	for _, a := range t.Attrs {
		have, err := h.attr(a.Path)
		if err != nil {
			return err
		}
		s.Attrs = append(s.Attrs, have)
	}
	return nil
}

// attrs brings owners and modes back. What is gone by now needs none.
func (r *restore) attrs(s saved) error {
	var errs []error
	for _, a := range s.Attrs {
		if err := r.host.step("restore owner " + a.Path); err != nil {
			errs = append(errs, err)
			continue
		}
		err := r.host.setAttr(a)
		if isAbsent(err) {
			r.note(err)
			continue
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
