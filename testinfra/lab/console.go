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
)

// ConsoleCommand prepares a command that runs on a machine as root, past its
// network and its sshd, as somebody at its screen would run it.
func (l *Lab) ConsoleCommand(ctx context.Context, name string, argv ...string) (*exec.Cmd, error) {
	if len(argv) == 0 {
		return nil, errors.New("no command to run on the machine")
	}
	s, err := l.Status(ctx)
	if err != nil {
		return nil, err
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
