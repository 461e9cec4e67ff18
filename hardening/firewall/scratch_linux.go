package firewall

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// Scratch loads nft text into a new, empty network namespace and reads it
// back: what this kernel makes of the text, with no trace left on the host.
// The text must make exactly one table. It needs CAP_SYS_ADMIN.
func Scratch(ctx context.Context, ruleset string) (*Table, error) {
	var table *Table
	err := inNewNamespace(func() error {
		if err := loadText(ctx, ruleset); err != nil {
			return err
		}
		var err error
		table, err = readOnlyTable()
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("try ruleset in an empty namespace: %w", err)
	}
	return table, nil
}

// inNewNamespace runs work on a thread of its own in a network namespace of
// its own; both end with work.
func inNewNamespace(work func() error) error {
	done := make(chan error, 1)
	go namespaceThread(work, done)
	return <-done
}

// namespaceThread never unlocks its thread, so that the runtime ends the
// thread instead of running other goroutines in the wrong namespace. The
// process' first thread cannot end, and /proc/self/net follows it: it is held
// here while another thread does the work.
func namespaceThread(work func() error, done chan<- error) {
	runtime.LockOSThread()
	if unix.Gettid() == unix.Getpid() {
		inner := make(chan error, 1)
		go namespaceThread(work, inner)
		err := <-inner
		runtime.UnlockOSThread()
		done <- err
		return
	}
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		done <- fmt.Errorf("make network namespace: %w", err)
		return
	}
	done <- work()
}

// loadText runs nft in the namespace of the calling thread.
func loadText(ctx context.Context, ruleset string) error {
	path, err := nftPath()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, path, "-f", "-")
	cmd.Env = []string{"LC_ALL=C"}
	cmd.Stdin = strings.NewReader(ruleset)
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("load ruleset: %w: %s", err, strings.TrimSpace(output.String()))
	}
	return nil
}

// nftPath finds nft where Debian has it. The PATH is asked last: it is the
// caller's, and what is found is run as root.
func nftPath() (string, error) {
	if path, err := exec.LookPath("/usr/sbin/nft"); err == nil {
		return path, nil
	}
	path, err := exec.LookPath("nft")
	if err != nil {
		return "", fmt.Errorf("find nft: %w", err)
	}
	return path, nil
}

func readOnlyTable() (*Table, error) {
	names, err := List()
	if err != nil {
		return nil, err
	}
	if len(names) != 1 {
		return nil, fmt.Errorf("ruleset makes %d tables, want one", len(names))
	}
	family, name, found := strings.Cut(names[0], " ")
	if !found {
		return nil, errors.New("table without a family")
	}
	return ReadTable(family, name)
}
