package node

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

const (
	rollbackUnit = "k3sedge-rollback"
	unitDir      = "/etc/systemd/system"
	bootUnit     = rollbackUnit + "-boot.service"
	bootUnitFile = unitDir + "/" + bootUnit
	bootUnitLink = unitDir + "/sysinit.target.wants/" + bootUnit
)

// bootUnitText runs before anything that a transaction can change is read. It
// asks for the disk only; the condition makes it nothing on any other boot.
const bootUnitText = `[Unit]
Description=Take back an unconfirmed change of k3sedge
DefaultDependencies=no
ConditionPathExists=` + pendingFile + `
RequiresMountsFor=` + StateDir + `
After=local-fs.target
Before=sysinit.target systemd-sysctl.service nftables.service network-pre.target ssh.service ssh.socket shutdown.target
Conflicts=shutdown.target

[Service]
Type=oneshot
ExecStart=` + agentFile + ` rollback --boot
TimeoutStartSec=60

[Install]
WantedBy=sysinit.target
`

// errNotTheAgent is a program that does not answer as the agent does.
var errNotTheAgent = errors.New("it does not answer as the agent does")

// arm makes sure that the host goes back by itself: by a timer while it runs,
// by a unit when it boots. The pending file comes last: without it nothing has
// been touched, and nothing may be.
func (h Host) arm(ctx context.Context, t facts.Transaction) (facts.Pending, error) {
	p := facts.Pending{ID: t.ID}
	steps := []struct {
		name string
		do   func() error
	}{
		{"keep agent", h.keepAgent},
		{"try agent", func() error { return h.tryAgent(ctx) }},
		{"write boot unit", h.writeBootUnit},
		{"start timer", func() error {
			p.Deadline = h.Now().Unix() + int64(t.Window)
			return h.startTimer(ctx, t)
		}},
		{"write pending", func() error { return h.writeJSON(pendingFile, p) }},
	}
	for _, s := range steps {
		if err := h.step(s.name); err != nil {
			return p, err
		}
		if err := s.do(); err != nil {
			return p, fmt.Errorf("arm the way back: %s: %w", s.name, err)
		}
	}
	return p, nil
}

// keepAgent copies the program to where it outlives the operator's tidying and
// a reboot.
func (h Host) keepAgent() error {
	b, err := os.ReadFile(h.Agent)
	if err != nil {
		return err
	}
	if old, err := os.ReadFile(h.path(agentFile)); err == nil && bytes.Equal(old, b) {
		return nil
	}
	return h.write(savedFile{Path: agentFile, Content: b, Mode: 0o700, UID: os.Geteuid(), GID: os.Getegid()})
}

// tryAgent makes sure that the kept program can be run where it stands: /var
// may be mounted noexec, and the timer would tell nobody.
func (h Host) tryAgent(ctx context.Context) error {
	_, err := h.Runner.Run(ctx, command(h.path(agentFile)))
	var exit *exitError
	if errors.As(err, &exit) && exit.code == ExitUsage {
		return nil
	}
	return fmt.Errorf("%s does not run: %w", agentFile, cmp.Or(err, errNotTheAgent))
}

// writeBootUnit enables the unit by its link: systemd reads both at boot, and
// need not be told before.
func (h Host) writeBootUnit() error {
	unit := savedFile{Path: bootUnitFile, Content: []byte(bootUnitText), Mode: 0o644, UID: os.Geteuid(), GID: os.Getegid()}
	if err := h.makeFolders(bootUnitLink, 0o755); err != nil {
		return err
	}
	if err := h.write(unit); err != nil {
		return err
	}
	return h.write(savedFile{Path: bootUnitLink, Link: "../" + bootUnit})
}

// startTimer starts the timer, and asks whether it runs. A run that is killed
// or fails is started again until it has taken the change back.
func (h Host) startTimer(ctx context.Context, t facts.Transaction) error {
	// A run of an earlier way back that never succeeds keeps its unit, and its
	// name. Nothing waits for it now: whatever it was to take back is over.
	_, _ = h.Runner.Run(ctx, command(systemctl, "stop", rollbackUnit+".service"))
	h.stopTimer(ctx)
	_, err := h.Runner.Run(ctx, command(systemdRun, "--quiet", "--collect", "--unit="+rollbackUnit,
		"--description=Take back the unconfirmed change "+t.ID+" of k3sedge",
		fmt.Sprintf("--on-active=%ds", t.Window), "--timer-property=AccuracySec=100ms",
		"--property=Restart=on-failure", "--property=RestartSec=5s",
		"--", h.path(agentFile), "rollback", t.ID))
	if err != nil {
		return err
	}
	state, err := h.Runner.Run(ctx, command(systemctl, "is-active", rollbackUnit+".timer"))
	if err != nil {
		return fmt.Errorf("the timer does not run (%s): %w", strings.TrimSpace(state), err)
	}
	return nil
}

// stopTimer takes away a timer and what a failed run has left. It is no error
// when there is none, and none when it cannot: a rollback that finds the
// result written does nothing.
func (h Host) stopTimer(ctx context.Context) {
	for _, argv := range [][]string{
		{systemctl, "stop", rollbackUnit + ".timer"},
		{systemctl, "reset-failed", rollbackUnit + ".timer", rollbackUnit + ".service"},
	} {
		if _, err := h.Runner.Run(ctx, command(argv...)); ctx.Err() != nil && err != nil {
			return
		}
	}
}

// disarm takes the way back away after the result is written. The pending file
// goes last, so that a run that is killed here is finished by the next one.
func (h Host) disarm(ctx context.Context) error {
	h.stopTimer(ctx)
	errs := []error{h.clean(bootUnitLink), h.clean(bootUnitFile)}
	// The folder of links may have been made for ours; it stays when others use it.
	if links := h.path(path.Dir(bootUnitLink)); os.Remove(links) == nil {
		errs = append(errs, syncDir(filepath.Dir(links)))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return h.clean(pendingFile)
}

// clean removes a file of ours and what a killed write has left beside it.
func (h Host) clean(p string) error {
	if err := h.step("remove " + p); err != nil {
		return err
	}
	return errors.Join(h.remove(temporary(p)), h.remove(p))
}
