package node

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// ownableFolders are where a transaction may change an owner or a mode: the
// folder itself, and what is in it.
func ownableFolders() []string {
	return []string{
		"/boot", "/etc", "/home", "/root", "/var/lib/rancher", "/var/log", "/var/spool/cron", "/tmp", "/var/tmp",
	}
}

// maxMode are the bits that a change may set: it makes nothing setuid or setgid.
const maxMode = 0o1777

// checkAttrs refuses what is not a change of owner and mode, or would open
// something: to take rights away is all that a hardening needs.
func (h Host) checkAttrs(t facts.Transaction) error {
	var errs []error
	seen := map[string]bool{t.RulesetPath: t.Ruleset != ""}
	for _, f := range t.Files {
		seen[f.Path] = true
	}
	for _, a := range t.Attrs {
		if seen[a.Path] {
			errs = append(errs, fmt.Errorf("owner of %s: named twice", a.Path))
		}
		seen[a.Path] = true
		errs = append(errs, h.checkAttr(a))
	}
	return errors.Join(errs...)
}

func (h Host) checkAttr(a facts.AttrChange) error {
	inside := func(dir string) bool { return a.Path == dir || strings.HasPrefix(a.Path, dir+"/") }
	switch {
	case !path.IsAbs(a.Path) || path.Clean(a.Path) != a.Path || strings.ContainsRune(a.Path, 0):
		return fmt.Errorf("owner of %q: not an absolute, clean path", a.Path)
	case !slices.ContainsFunc(ownableFolders(), inside):
		return fmt.Errorf("owner of %s: not in a folder that a transaction may change", a.Path)
	case a.Mode&^maxMode != 0 || a.UID < 0 || a.GID < 0:
		return fmt.Errorf("owner of %s: mode %#o of %d:%d: want permission bits and an owner", a.Path, a.Mode, a.UID, a.GID)
	}
	have, err := h.attr(a.Path)
	if err != nil {
		return fmt.Errorf("owner of %s: %w", a.Path, err)
	}
	if more := a.Mode &^ have.Mode & 0o777; more != 0 {
		return fmt.Errorf("owner of %s: mode %#o would allow more than %#o does", a.Path, a.Mode, have.Mode)
	}
	return nil
}
