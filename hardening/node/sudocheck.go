package node

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// checkSudoers lets visudo say whether it will take the files of a change: one
// that sudo cannot read ends the admin's way to root.
func (h Host) checkSudoers(ctx context.Context, t facts.Transaction) error {
	var errs []error
	for _, f := range t.Files {
		if f.Absent || path.Dir(f.Path) != sudoersDir {
			continue
		}
		if f.Mode != 0o440 {
			errs = append(errs, fmt.Errorf("file %s: mode %#o: sudo wants 0440", f.Path, f.Mode))
		}
		if strings.Contains(path.Base(f.Path), ".") {
			errs = append(errs, fmt.Errorf("file %s: sudo reads no file with a dot in its name", f.Path))
		}
		if _, err := h.Runner.Run(ctx, Command{Argv: []string{visudo, "-c", "-f", "-"}, Stdin: f.Content}); err != nil {
			errs = append(errs, fmt.Errorf("file %s: %w", f.Path, err))
		}
	}
	return errors.Join(errs...)
}

// checkPAM refuses a configuration of su that would keep root itself out.
func checkPAM(t facts.Transaction) error {
	for _, f := range t.Files {
		if f.Path == suPAM && !f.Absent && !strings.Contains(f.Content, "pam_rootok.so") {
			return fmt.Errorf("file %s: it no longer lets root through", f.Path)
		}
	}
	return nil
}
