package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// daemon says when the running sshd read its files last, and when they were
// changed last. sshd writes its PID file anew each time it has read them, also
// when it was told to by a signal, of which neither its process nor systemd
// keeps the time.
func (h Host) daemon(pidFile string, origins []facts.Origin, keys []string) (*facts.Daemon, error) {
	if pidFile == "" {
		return nil, errors.New("sshd did not say where its PID file is")
	}
	var out facts.Daemon
	var err error
	if out.PID, out.Loaded, err = h.loadedAt(pidFile); err != nil {
		return nil, err
	}
	for _, p := range slices.Concat(configPaths(origins), keys, []string{sshd}) {
		changed, err := h.changedAt(p)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		out.Files = append(out.Files, facts.Stamp{Path: p, Changed: changed})
	}
	return &out, nil
}

const (
	sshdPIDFile = "/run/sshd.pid"
	// reloadPatience is how long sshd may take to read its files again.
	reloadPatience, reloadPause = 5 * time.Second, 5 * time.Millisecond
)

// reloadSSHD returns when sshd has read its files again. systemd only sends the
// signal: a login right after that may still meet the old settings, and would
// prove nothing about the new ones. Where sshd keeps no PID file in the usual
// place, nobody can tell.
func (h Host) reloadSSHD(ctx context.Context, unit string) error {
	pid, before, err := h.loadedAt(sshdPIDFile)
	if err != nil {
		return fmt.Errorf("reload %s: %w", unit, err)
	}
	if err := h.reload(ctx, unit); err != nil || pid == 0 {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, reloadPatience)
	defer cancel()
	tick := time.NewTicker(reloadPause)
	defer tick.Stop()
	for {
		if pid, loaded, err := h.loadedAt(sshdPIDFile); err == nil && pid != 0 && loaded != before {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil // the proof of a new login decides
		case <-tick.C:
		}
	}
}

// loadedAt is the process that wrote a PID file, and when. Both are zero where
// there is no such file or no such process.
func (h Host) loadedAt(pidFile string) (pid int, loaded int64, err error) {
	content, info, err := h.readFile(pidFile)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, 0, nil
	}
	if err != nil {
		return 0, 0, err
	}
	if pid, err = strconv.Atoi(strings.TrimSpace(string(content))); err != nil {
		return 0, 0, fmt.Errorf("read %s: %w", pidFile, err)
	}
	if _, err := os.Stat(h.path(fmt.Sprintf("/proc/%d", pid))); err != nil {
		return 0, 0, nil // left by one that is gone
	}
	return pid, info.ModTime().UnixNano(), nil
}

// changedAt is when anything of a file was changed, its content or its name:
// its time of modification can be set to anything.
func (h Host) changedAt(p string) (int64, error) {
	info, err := os.Stat(h.path(p))
	if err != nil {
		return 0, err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, fmt.Errorf("look at %s: no times", p)
	}
	return stat.Ctim.Nano(), nil
}

// configPaths are the files that the lines come from, and the folders that
// they name: one file more or less changes what is read too. sshd's own folder
// is not among them, for it holds much else.
func configPaths(origins []facts.Origin) []string {
	var out []string
	add := func(p string) {
		if p != sshDir && !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	for _, o := range origins {
		add(o.File)
		if o.Key != "include" {
			continue
		}
		for pattern := range strings.FieldsSeq(o.Value) {
			if !path.IsAbs(pattern) {
				pattern = path.Join(sshDir, pattern)
			}
			add(path.Dir(pattern))
		}
	}
	return out
}
