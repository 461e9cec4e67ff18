//go:build linux

package lab

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"time"

	"github.com/k3sedge/k3sedge/provision/machine"
	"github.com/k3sedge/k3sedge/testinfra/fakepve"
)

// ConsoleCommand prepares a command that runs on a machine as root, past its
// network and its sshd, as somebody at its screen would run it. On a whole
// machine its agent runs it, so that nothing is seen before it has ended.
func (l *Lab) ConsoleCommand(ctx context.Context, name string, argv ...string) (*exec.Cmd, error) {
	if len(argv) == 0 {
		return nil, errors.New("no command to run on the machine")
	}
	s, err := l.Status(ctx)
	if err != nil {
		return nil, err
	}
	if s.Kind == MachinesLibvirt {
		program, err := l.findProgram()
		if err != nil {
			return nil, err
		}
		own := []string{"--name", l.plan.name, "--state", l.base, "--cache", l.cache, "run", name, "--"}
		cmd := exec.CommandContext(ctx, program, append(own, argv...)...)
		cmd.WaitDelay = 2 * time.Second
		return cmd, nil
	}
	for _, m := range s.Machines {
		if m.Name == name && m.Running && m.PID != 0 {
			cmd := exec.CommandContext(ctx, "nsenter", append([]string{"-t", strconv.Itoa(m.PID), "-a", "--"}, argv...)...)
			cmd.WaitDelay = 2 * time.Second
			return cmd, nil
		}
	}
	err = fmt.Errorf("no machine %s runs in lab %s", name, l.plan.name)
	return nil, machine.WithHint(err, "k3sedge-lab --name %s status lists them", l.plan.name)
}

// RunOn has a machine's guest agent run a command as root, and gives what it
// printed and how it ended.
func (l *Lab) RunOn(ctx context.Context, name string, c fakepve.Command) (fakepve.Result, error) {
	var res fakepve.Result
	err := l.order(ctx, "POST", "/machines/"+name+"/run", c, &res)
	return res, err
}

// run is RunOn in the daemon.
func (f *fleet) run(ctx context.Context, name string, c fakepve.Command) (fakepve.Result, error) {
	r := f.find(name)
	if r == nil {
		return fakepve.Result{}, machine.WithHint(fmt.Errorf("run a command on %s: no such machine runs", name), "k3sedge-lab status")
	}
	res, err := f.hardware.exec(ctx, r, c)
	if err != nil {
		return res, machine.WithHint(fmt.Errorf("run a command on %s: %w", name, err), "its console is in %s", f.lab.folder(r.spec.ID).path("console.log"))
	}
	return res, nil
}
