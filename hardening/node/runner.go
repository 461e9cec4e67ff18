package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

// The programs the agent runs, where Debian has them. They are never looked
// for in PATH, which belongs to whoever called sudo.
const (
	sshd       = "/usr/sbin/sshd"
	nft        = "/usr/sbin/nft"
	systemctl  = "/usr/bin/systemctl"
	systemdRun = "/usr/bin/systemd-run"
	detectVirt = "/usr/bin/systemd-detect-virt"
	getent     = "/usr/bin/getent"
	journalctl = "/usr/bin/journalctl"
)

// Command is one program to run.
type Command struct {
	Argv  []string
	Stdin string
}

func command(argv ...string) Command { return Command{Argv: argv} }

// exitError is a program that ended with a non-zero exit code.
type exitError struct {
	argv           []string
	code           int
	stdout, stderr string
}

// Error gives the command and all it complained with.
func (e *exitError) Error() string {
	said := strings.TrimSpace(e.stderr)
	if said == "" {
		said = strings.TrimSpace(e.stdout)
	}
	return strings.TrimSuffix(fmt.Sprintf("%s: exit %d: %s", strings.Join(e.argv, " "), e.code, said), ": ")
}

// outputPatience is how long the output of a program that was ended is waited
// for: a child of its own may hold it open for ever.
const outputPatience = 10 * time.Second

type programs struct{}

// Run runs a program of the host with an environment of its own, so that its
// output does not depend on the operator's language.
func (programs) Run(ctx context.Context, c Command) (string, error) {
	cmd := exec.CommandContext(ctx, c.Argv[0], c.Argv[1:]...)
	cmd.Env = []string{"LC_ALL=C", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "SYSTEMD_COLORS=0", "SYSTEMD_PAGER="}
	cmd.WaitDelay = outputPatience
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(c.Stdin), &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return stdout.String(), nil
	case ctx.Err() != nil:
		return "", fmt.Errorf("run %s: %w", c.Argv[0], ctx.Err())
	case errors.As(err, &exit):
		return "", &exitError{c.Argv, exit.ExitCode(), stdout.String(), stderr.String()}
	default:
		return "", fmt.Errorf("run %s: %w", c.Argv[0], err)
	}
}
