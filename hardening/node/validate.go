package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"syscall"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// The window in seconds within which a change has to be confirmed: long enough
// for a login, short enough to wait for.
const (
	minWindow = 10
	maxWindow = 600
)

var (
	idPattern   = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)
	unitPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9@_.:-]{0,120}\.(service|socket|timer|target|path)$`)
)

func validID(id string) bool { return idPattern.MatchString(id) }

// changeableFiles and changeableFolders are all that a transaction may write.
func changeableFiles() []string { return []string{sshdConfig, moduliFile, suPAM, "/etc/nftables.conf"} }

func changeableFolders() []string {
	return []string{
		"/etc/ssh/sshd_config.d", "/etc/nftables.d", "/etc/sysctl.d", "/etc/systemd/system",
		sudoersDir, "/etc/apt/apt.conf.d", "/etc/profile.d", "/etc/logrotate.d",
		"/etc/cloud/cloud.cfg.d", "/etc/modules-load.d", "/etc/modprobe.d", "/etc/security/limits.d", "/etc/audit/rules.d",
		"/etc/systemd/journald.conf.d", "/etc/systemd/coredump.conf.d", "/etc/systemd/resolved.conf.d",
	}
}

// validate refuses what is wrong before anything is armed or touched, and
// names all that is wrong at once.
func (h Host) validate(ctx context.Context, t facts.Transaction) error {
	if err := errors.Join(checkShape(t), checkFiles(t), checkUnits(t.Units)); err != nil {
		return err
	}
	return errors.Join(h.checkAttrs(t), h.checkSysctls(t), h.checkFirewall(ctx, t), h.checkSSHD(ctx, t), h.checkSudoers(ctx, t), checkPAM(t))
}

func checkShape(t facts.Transaction) error {
	var errs []error
	if !validID(t.ID) {
		errs = append(errs, fmt.Errorf("transaction ID %q: want letters, digits, dots and dashes", t.ID))
	}
	if t.Window < minWindow || t.Window > maxWindow {
		errs = append(errs, fmt.Errorf("window of %d seconds: want %d to %d", t.Window, minWindow, maxWindow))
	}
	if len(t.Files) == 0 && len(t.Attrs) == 0 && t.Ruleset == "" && len(t.Sysctls) == 0 && len(t.Units) == 0 {
		errs = append(errs, errors.New("the transaction changes nothing"))
	}
	return errors.Join(errs...)
}

func checkFiles(t facts.Transaction) error {
	var errs []error
	seen := map[string]bool{}
	if t.Ruleset != "" {
		seen[t.RulesetPath] = true
		errs = append(errs, checkPath(t.RulesetPath))
	}
	for _, f := range t.Files {
		if seen[f.Path] {
			errs = append(errs, fmt.Errorf("file %s: named twice", f.Path))
		}
		seen[f.Path] = true
		errs = append(errs, checkPath(f.Path), checkContent(f))
	}
	return errors.Join(errs...)
}

func checkContent(f facts.FileChange) error {
	switch {
	case f.Path == moduliFile && f.MinModulus == 0:
		return fmt.Errorf("file %s: want the least size of a modulus, and nothing else", f.Path)
	case f.Absent:
		return nil
	case f.Mode&^0o777 != 0 || f.Mode&0o400 == 0 || f.Mode&0o022 != 0:
		return fmt.Errorf("file %s: mode %#o: want one that its owner reads and nobody else writes", f.Path, f.Mode)
	case len(f.Content) > maxFile:
		return fmt.Errorf("file %s: larger than %d bytes", f.Path, maxFile)
	}
	return nil
}

func checkPath(p string) error {
	if !path.IsAbs(p) || path.Clean(p) != p || strings.ContainsAny(p, "\x00\n\"\\") {
		return fmt.Errorf("file %q: not an absolute, clean path", p)
	}
	if strings.HasPrefix(path.Base(p), ".") || strings.HasPrefix(path.Base(p), rollbackUnit) {
		return fmt.Errorf("file %s: a name that the agent keeps for itself", p)
	}
	inside := func(dir string) bool { return strings.HasPrefix(p, dir+"/") }
	if !slices.Contains(changeableFiles(), p) && !slices.ContainsFunc(changeableFolders(), inside) {
		return fmt.Errorf("file %s: not in a folder that a transaction may change", p)
	}
	return nil
}

func sshUnits() []string { return []string{"ssh.service", "sshd.service", "ssh.socket"} }

// checkUnits refuses what would empty the kernel's whole ruleset: reloading or
// stopping Debian's nftables.service does, and K3s' rules would go with it.
func checkUnits(units []facts.UnitChange) error {
	var errs []error
	for _, u := range units {
		switch {
		case !unitPattern.MatchString(u.Name) || strings.HasPrefix(u.Name, rollbackUnit):
			errs = append(errs, fmt.Errorf("unit %q: not a unit that a transaction may change", u.Name))
		case !slices.Contains([]string{"reload", "enable", "start", "disable", "mask"}, u.Action):
			errs = append(errs, fmt.Errorf("unit %s: action %q: want reload, enable, start, disable or mask", u.Name, u.Action))
		case u.Name == nftablesUnit && u.Action != "enable":
			errs = append(errs, fmt.Errorf("unit %s: %s would flush the tables of others", u.Name, u.Action))
		case slices.Contains(sshUnits(), u.Name) && (u.Action == "disable" || u.Action == "mask"):
			errs = append(errs, fmt.Errorf("unit %s: %s would close the only way in", u.Name, u.Action))
		}
	}
	return errors.Join(errs...)
}

func (h Host) checkSysctls(t facts.Transaction) error {
	var errs []error
	for key, value := range t.Sysctls {
		p, err := h.sysctlFile(key)
		if err == nil {
			err = syscall.Access(p, canWrite)
		}
		switch {
		case errors.Is(err, fs.ErrNotExist):
			err = fmt.Errorf("this kernel has no such key: %w", err)
		case err == nil && (value == "" || strings.ContainsAny(value, "\n\x00")):
			err = fmt.Errorf("%q is not a value", value)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("sysctl %s: %w", key, err))
		}
	}
	return errors.Join(errs...)
}

// checkFirewall lets nft say whether it will take the ruleset, and the files
// that it will read at the next boot.
func (h Host) checkFirewall(ctx context.Context, t facts.Transaction) error {
	var errs []error
	if t.Ruleset != "" {
		err := checkRuleset(t.Ruleset)
		if err == nil {
			err = h.nftCheck(ctx, t.Ruleset)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("ruleset: %w", err))
		}
	}
	for _, f := range t.Files {
		if f.Absent || f.Path != "/etc/nftables.conf" && path.Dir(f.Path) != "/etc/nftables.d" {
			continue
		}
		if err := h.nftCheck(ctx, f.Content); err != nil {
			errs = append(errs, fmt.Errorf("file %s: %w", f.Path, err))
		}
	}
	return errors.Join(errs...)
}

func (h Host) nftCheck(ctx context.Context, text string) error {
	_, err := h.Runner.Run(ctx, Command{Argv: []string{nft, "-c", "-f", "-"}, Stdin: text})
	return err
}
