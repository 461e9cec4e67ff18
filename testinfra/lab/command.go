//go:build linux

package lab

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// run runs a program and gives what it printed; an error carries its words.
func run(ctx context.Context, argv ...string) ([]byte, error) {
	return capture(ctx, exec.CommandContext(ctx, argv[0], argv[1:]...))
}

// runBound is run for a program that takes long and works in pieces: neither
// it nor what it has started outlives this process, even one that is killed.
func runBound(ctx context.Context, argv ...string) ([]byte, error) {
	// The kernel watches the thread that starts a child, not the process.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	own := []string{"--mount", "--propagation=private", "--pid", "--fork", "--mount-proc", "--kill-child", "--"}
	cmd := exec.CommandContext(ctx, "unshare", append(own, argv...)...)
	cmd.SysProcAttr, cmd.WaitDelay = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}, 2*time.Second
	return capture(ctx, cmd)
}

// capture runs a command that was prepared.
func capture(ctx context.Context, cmd *exec.Cmd) ([]byte, error) {
	var out, complaint bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaint
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		words := strings.TrimSpace(complaint.String())
		if words != "" {
			words = ": " + words
		}
		return out.Bytes(), fmt.Errorf("%s: %w%s", strings.Join(cmd.Args, " "), err, words)
	}
	return out.Bytes(), nil
}

// runAll runs programs one after the other until one fails.
func runAll(ctx context.Context, commands [][]string) error {
	for _, argv := range commands {
		if _, err := run(ctx, argv...); err != nil {
			return err
		}
	}
	return nil
}
