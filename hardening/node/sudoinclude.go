package node

import (
	"fmt"
	"os"
	"path"
	"strings"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// include reads one file; sudo goes on without one that is not there.
func (r *sudoReader) include(text string, depth int) error {
	p, err := r.includePath(text)
	if err != nil {
		return err
	}
	if _, err := os.Lstat(r.host.path(p)); isAbsent(err) {
		return nil
	}
	return r.read(p, depth+1)
}

// includePath is the path behind @include; sudo reads %h as the host's name.
func (r *sudoReader) includePath(text string) (string, error) {
	p := strings.NewReplacer(`\ `, " ", `"`, "").Replace(strings.TrimSpace(text))
	if strings.Contains(p, "%h") {
		name, err := r.host.line("/proc/sys/kernel/hostname")
		if err != nil {
			return "", fmt.Errorf("read sudoers: %w", err)
		}
		name, _, _ = strings.Cut(name, ".")
		p = strings.ReplaceAll(p, "%h", name)
	}
	if !path.IsAbs(p) {
		p = path.Join(path.Dir(sudoers), p)
	}
	return path.Clean(p), nil
}

// includeDir reads a folder's files in their order, without those that look
// like a package manager's or an editor's leftovers.
func (r *sudoReader) includeDir(text string, depth int) error {
	dir, err := r.includePath(text)
	if err != nil {
		return err
	}
	names, err := r.host.names(dir) // sorted
	if err != nil {
		return fmt.Errorf("read sudoers: %w", err)
	}
	for _, name := range names {
		if strings.Contains(name, ".") || strings.HasSuffix(name, "~") {
			continue
		}
		p := path.Join(dir, name)
		info, err := r.host.stat(p)
		if err != nil {
			return fmt.Errorf("read sudoers: %w", err)
		}
		if info.Kind != facts.KindFile && info.Kind != facts.KindLink {
			continue
		}
		if err := r.read(p, depth+1); err != nil {
			return err
		}
	}
	return nil
}
