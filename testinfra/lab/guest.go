//go:build linux

package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/k3sedge/k3sedge/testinfra/fakepve"
)

// powerOff is what systemd takes as the order to power off (SIGRTMIN+4).
const powerOff = unix.Signal(34 + 4)

// rebootExit is how nspawn says that the machine wants to boot again. It
// could do so itself, but then in the old network namespace.
const rebootExit = 133

// launcher puts itself into the control groups named first and becomes the
// program named after the double hyphen. Its process number stays the same.
const launcher = `while [ "$1" != -- ]; do echo $$ > "$1" || exit 1; shift; done; shift; exec "$@"`

// boot starts a machine whose disk and network are ready.
func boot(name string, f folder) (*exec.Cmd, process, error) {
	doors, err := makeCgroups(name)
	if err != nil {
		return nil, process{}, err
	}
	console, err := os.OpenFile(f.path("console.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, process{}, fmt.Errorf("open console log: %w", err)
	}
	defer console.Close()
	argv := append([]string{"-c", launcher, "launcher"}, doors...)
	argv = append(argv, "--")
	cmd := exec.Command("/bin/sh", append(argv, nspawn(name, f.path("root"))...)...)
	cmd.Stdout, cmd.Stderr = console, console
	cmd.Dir = "/"
	// =network: /proc/sys/net is the machine's own, the rest of it is not.
	cmd.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "SYSTEMD_NSPAWN_API_VFS_WRITABLE=network"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return nil, process{}, fmt.Errorf("start machine: %w", err)
	}
	p, err := identify(cmd.Process.Pid, machineMark(name))
	if err != nil {
		return nil, process{}, errors.Join(err, cmd.Process.Kill(), cmd.Wait())
	}
	return cmd, p, nil
}

// machineMark is the argument by which a machine's process is recognised.
func machineMark(name string) string { return "--machine=" + name }

// nspawn is the command line of a machine.
func nspawn(name, root string) []string {
	return []string{
		"systemd-nspawn", "--quiet", "--directory=" + root, "--boot", machineMark(name), "--hostname=debian",
		"--register=no", "--keep-unit", "--network-namespace-path=" + namespacePath(name),
		"--capability=CAP_NET_ADMIN,CAP_NET_RAW", "--link-journal=no", "--resolv-conf=off", "--timezone=off", "--console=pipe",
	}
}

// initOf finds the first process of a machine from outside: the child of
// nspawn that is number 1 in its own count.
func initOf(p process) (int, bool) {
	if !p.alive() {
		return 0, false
	}
	for _, pid := range children(p.PID) {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if err == nil && innermost(status) == "1" {
			return pid, true
		}
	}
	return 0, false
}

// innermost is the number a process has in its own namespace.
func innermost(status []byte) string {
	for line := range bytes.Lines(status) {
		if numbers, ok := bytes.CutPrefix(line, []byte("NSpid:")); ok {
			if f := strings.Fields(string(numbers)); len(f) > 1 {
				return f[len(f)-1]
			}
		}
	}
	return ""
}

// signalInit sends a signal to a machine's first process, if it has one yet.
func signalInit(p process, sig unix.Signal) error {
	pid, ok := initOf(p)
	if !ok {
		return nil
	}
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return fmt.Errorf("signal machine: %w", err)
	}
	defer unix.Close(fd)
	if again, ok := initOf(p); !ok || again != pid {
		return nil // it ended in between
	}
	if err := unix.PidfdSendSignal(fd, sig, nil, 0); err != nil {
		return fmt.Errorf("signal machine: %w", err)
	}
	return nil
}

// execIn runs a command in a machine past its network, as its guest agent
// would. It answers only in a machine that has an agent and has booted.
func execIn(ctx context.Context, p process, c fakepve.Command) (fakepve.Result, error) {
	pid, ok := initOf(p)
	if !ok || !agentRuns(pid) || len(c.Argv) == 0 {
		return fakepve.Result{}, fakepve.ErrNoAgent
	}
	enter := []string{"--all", "--target", fmt.Sprint(pid), "--", "/usr/bin/env", "-i",
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
	cmd := exec.CommandContext(ctx, "nsenter", append(enter, c.Argv...)...)
	cmd.WaitDelay = time.Second
	cmd.Stdin = bytes.NewReader(c.Stdin)
	var out, complaint bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaint
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() >= 0 {
		err = nil
	}
	if err != nil {
		return fakepve.Result{}, fmt.Errorf("run %s in the machine: %w", filepath.Base(c.Argv[0]), err)
	}
	return fakepve.Result{Exit: cmd.ProcessState.ExitCode(), Stdout: out.Bytes(), Stderr: complaint.Bytes()}, nil
}

// agentRuns says whether the image has the guest agent and systemd is up.
func agentRuns(pid int) bool {
	for _, name := range []string{"usr/sbin/qemu-ga", "run/systemd/private"} {
		if _, err := os.Lstat(fmt.Sprintf("/proc/%d/root/%s", pid, name)); err != nil {
			return false
		}
	}
	return true
}
