package node

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

const (
	// lockPatience is how long a run waits for another one.
	lockPatience = 5 * time.Second
	// touchTime is how long making the change may take; the window may be shorter.
	touchTime = time.Minute
	// restoreTime is how long one attempt to go back may take.
	restoreTime = 2 * time.Minute
)

// Apply makes a change that goes back by itself unless it is confirmed within
// its window. When any part of it fails, the host is taken back at once.
func Apply(ctx context.Context, h Host, t facts.Transaction) (facts.Applied, error) {
	release, err := h.lockFor(ctx, lockPatience)
	if errors.Is(err, errBusy) {
		err = errors.Join(ErrPending, err)
	}
	if err != nil {
		return facts.Applied{}, err
	}
	defer release()
	if done, err := h.inTheWay(t.ID); done != nil || err != nil {
		return deref(done), err
	}
	if t.Files, err = h.filled(t.Files); err == nil {
		err = h.validate(ctx, t)
	}
	if err != nil {
		return facts.Applied{}, fmt.Errorf("nothing was changed: %w", err)
	}
	if err := h.step("save"); err != nil {
		return facts.Applied{}, err
	}
	s, err := h.save(ctx, t)
	if err != nil {
		return facts.Applied{}, fmt.Errorf("nothing was changed: save the present state: %w", err)
	}
	done, err := h.armAndTouch(ctx, t)
	if err == nil {
		return done, nil
	}
	// Whatever ended the change must not end the way back.
	back, cancel := context.WithTimeout(context.WithoutCancel(ctx), restoreTime)
	defer cancel()
	out, backErr := h.takeBack(back, s)
	if backErr != nil {
		return facts.Applied{}, errors.Join(err, fmt.Errorf("taking it back failed too, the timer will try again: %w", backErr))
	}
	return facts.Applied{}, fmt.Errorf("the host was taken back%s: %w", but(out.Notes), err)
}

func but(notes []string) string {
	if len(notes) == 0 {
		return ""
	}
	return " (but: " + strings.Join(notes, "; ") + ")"
}

func deref(a *facts.Applied) facts.Applied {
	if a == nil {
		return facts.Applied{}
	}
	return *a
}

func (h Host) lockFor(ctx context.Context, patience time.Duration) (func(), error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return h.lock(ctx)
}

// inTheWay refuses a second transaction. The same one again gets its answer
// again, for a caller that lost the first one with its connection.
func (h Host) inTheWay(id string) (*facts.Applied, error) {
	p, err := h.pending()
	if err != nil {
		return nil, errors.Join(ErrPending, err)
	}
	var done facts.Applied
	if p != nil {
		if p.ID == id && h.readJSON(txFile(id, appliedName), &done) == nil {
			return &done, nil
		}
		return nil, fmt.Errorf("%w: %s goes back at %s unless it is confirmed", ErrPending, p.ID, clock(p.Deadline))
	}
	if !validID(id) {
		return nil, nil // validate says so, with all else that is wrong
	}
	switch r, err := h.result(id); {
	case err != nil:
		return nil, err
	case r != nil:
		return nil, fmt.Errorf("transaction %s is over: it was %s at %s", id, r.Result, clock(r.At))
	}
	return nil, nil
}

func clock(unix int64) string { return time.Unix(unix, 0).UTC().Format(time.RFC3339) }

func (h Host) armAndTouch(ctx context.Context, t facts.Transaction) (facts.Applied, error) {
	ctx, cancel := context.WithTimeout(ctx, min(touchTime, time.Duration(t.Window)*time.Second))
	defer cancel()
	p, err := h.arm(ctx, t)
	if err != nil {
		return facts.Applied{}, err
	}
	if err := h.touch(ctx, t); err != nil {
		return facts.Applied{}, err
	}
	if err := h.step("mark applied"); err != nil {
		return facts.Applied{}, err
	}
	done := facts.Applied(p)
	return done, h.writeJSON(txFile(t.ID, appliedName), done)
}

// touch makes the change. Everything before it only prepared the way back.
func (h Host) touch(ctx context.Context, t facts.Transaction) error {
	if err := h.touchFiles(t.Files); err != nil {
		return err
	}
	if err := h.touchAttrs(t.Attrs); err != nil {
		return err
	}
	if t.Ruleset != "" {
		if err := h.step("load ruleset"); err != nil {
			return err
		}
		if err := h.loadTable(ctx, t.Ruleset); err != nil {
			return err
		}
	}
	for _, key := range slices.Sorted(maps.Keys(t.Sysctls)) {
		if err := h.step("sysctl " + key); err != nil {
			return err
		}
		if err := h.setSysctl(key, t.Sysctls[key]); err != nil {
			return err
		}
	}
	return h.touchUnits(ctx, t)
}

func (h Host) touchFiles(files []facts.FileChange) error {
	for _, f := range files {
		if err := h.step("file " + f.Path); err != nil {
			return err
		}
		if f.Absent {
			if err := h.remove(f.Path); err != nil {
				return err
			}
			continue
		}
		if err := h.makeFolders(f.Path, 0o755); err != nil {
			return err
		}
		file := savedFile{Path: f.Path, Content: []byte(f.Content), Mode: f.Mode, UID: os.Geteuid(), GID: os.Getegid()}
		if err := h.write(file); err != nil {
			return err
		}
	}
	return nil
}

func (h Host) loadTable(ctx context.Context, text string) error {
	_, err := h.Runner.Run(ctx, Command{Argv: []string{nft, "-f", "-"}, Stdin: text})
	return err
}

func (h Host) setSysctl(key, value string) error {
	p, err := h.sysctlFile(key)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(p, os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.WriteString(value + "\n"); err != nil {
		return fmt.Errorf("set sysctl %s: %w", key, err)
	}
	return f.Close()
}

func (h Host) touchUnits(ctx context.Context, t facts.Transaction) error {
	if slices.ContainsFunc(t.Files, func(f facts.FileChange) bool { return strings.HasPrefix(f.Path, unitDir+"/") }) {
		if err := h.systemctl(ctx, "daemon-reload"); err != nil {
			return err
		}
	}
	for _, u := range t.Units {
		if err := h.step(u.Action + " " + u.Name); err != nil {
			return err
		}
		if err := h.touchUnit(ctx, u); err != nil {
			return err
		}
	}
	return nil
}

func (h Host) touchUnit(ctx context.Context, u facts.UnitChange) error {
	switch u.Action {
	case "enable":
		// Not started: the kernel has its table already.
		return h.systemctl(ctx, "enable", u.Name)
	case "start":
		return h.systemctl(ctx, "enable", "--now", u.Name)
	case "disable":
		return h.systemctl(ctx, "disable", "--now", u.Name)
	case "mask":
		// Stopped first: systemd calls a unit failed that is masked while it runs.
		if err := h.stop(ctx, u.Name); err != nil {
			return err
		}
		return h.systemctl(ctx, "mask", u.Name)
	}
	// sshd would end on a configuration that it refuses. This one is real.
	if slices.Contains(sshUnits(), u.Name) {
		if valid, invalid, err := h.sshdValid(ctx); err != nil || !valid {
			return errors.Join(fmt.Errorf("reload %s: sshd refuses its configuration: %s", u.Name, invalid), err)
		}
		return h.reloadSSHD(ctx, u.Name)
	}
	return h.reload(ctx, u.Name)
}

// reload tells a unit to read its files again. One that does not run has
// nothing to read, and is not started.
func (h Host) reload(ctx context.Context, unit string) error {
	return h.systemctl(ctx, "try-reload-or-restart", unit)
}

// stop stops a unit. One that systemd has never loaded (exit code 5) does not run.
func (h Host) stop(ctx context.Context, unit string) error {
	err := h.systemctl(ctx, "stop", unit)
	var exit *exitError
	if errors.As(err, &exit) && exit.code == 5 {
		return nil
	}
	return err
}

func (h Host) systemctl(ctx context.Context, argv ...string) error {
	_, err := h.Runner.Run(ctx, command(append([]string{systemctl}, argv...)...))
	return err
}
