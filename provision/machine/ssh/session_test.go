package ssh

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	xssh "golang.org/x/crypto/ssh"

	"github.com/k3sedge/k3sedge/provision/machine"
	"github.com/k3sedge/k3sedge/testinfra/sshtest"
)

func command(argv ...string) machine.Command { return machine.Command{Argv: argv} }

// start runs a command that goes on until it is ended, and returns when it
// has begun.
func start(t *testing.T, r rig, h *Host) <-chan error {
	t.Helper()
	before := len(r.server.Commands())
	ended := make(chan error, 1)
	go func() {
		_, err := h.Run(context.Background(), command("sleep", "3600"))
		ended <- err
	}()
	sshtest.Eventually(t, "the command starts", func() bool { return len(r.server.Commands()) > before })
	return ended
}

func TestOneConnectionForEverything(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	h := r.host(t, quick())
	if opened, _ := r.server.Connections(); opened != 0 {
		t.Errorf("%d connections before the first use", opened)
	}
	first := make(chan error, 3)
	for range cap(first) {
		go func() {
			_, err := h.Run(t.Context(), command("true"))
			first <- err
		}()
	}
	for range cap(first) {
		if err := <-first; err != nil {
			t.Error(err)
		}
	}
	if err := h.WriteFile(t.Context(), machine.File{Path: t.TempDir() + "/file", Mode: 0o600}); err != nil {
		t.Error(err)
	}
	if opened, _ := r.server.Connections(); opened != 1 {
		t.Errorf("%d connections", opened)
	}
	second, err := h.Redial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	sshtest.Eventually(t, "a second login", func() bool {
		opened, logins := r.server.Connections()
		return opened == 2 && logins == 2
	})
}

func TestLostConnection(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	h := r.host(t, quick())
	ended := start(t, r, h)
	r.server.Drop()
	err := sshtest.Promptly(t, func() error { return <-ended })
	wantState(t, err, machine.Lost, "sleep 3600")
	// The next command has a new connection, and the lost one is not repeated.
	if _, err := h.Run(t.Context(), command("true")); err != nil {
		t.Error(err)
	}
	if got := r.server.Commands(); len(got) != 2 {
		t.Errorf("ran %q", got)
	}
}

func TestSilentConnectionIsLost(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := quick()
	p.keepalive = 5 * time.Millisecond
	h := r.host(t, p)
	ended := start(t, r, h)
	r.server.Freeze(true)
	err := sshtest.Promptly(t, func() error { return <-ended })
	wantState(t, err, machine.Lost)
	if !errors.Is(err, errSilent) {
		t.Errorf("got %v", err)
	}
}

func TestKeepalivesKeepAQuietCommand(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := quick()
	p.keepalive = 20 * time.Millisecond
	p.misses = 20 // the command is silent for longer than that
	if _, err := r.host(t, p).Run(t.Context(), command("sleep", "0.7")); err != nil {
		t.Error(err)
	}
}

func TestCancelWithoutAnAnswer(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	h := r.host(t, defaultPace())
	if err := h.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.server.Freeze(true)
	for name, do := range map[string]func(context.Context) error{
		"run":   func(ctx context.Context) error { _, err := h.Run(ctx, command("true")); return err },
		"write": func(ctx context.Context) error { return h.WriteFile(ctx, machine.File{Path: "/x", Mode: 0o600}) },
		"place": func(ctx context.Context) error { return h.Place(ctx, machine.Agent{Path: "/x"}) },
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		err := sshtest.Promptly(t, func() error { return do(ctx) })
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v", name, err)
		}
	}
	r.server.Freeze(false)
	if _, err := h.Run(t.Context(), command("true")); err != nil {
		t.Error(err)
	}
}

func TestSudoWantsAPassword(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.server.SudoPassword(true)
	h := r.host(t, quick())
	hint := "admin ALL=(ALL) NOPASSWD:ALL"
	_, err := h.Run(t.Context(), machine.Command{Argv: []string{"id"}, Root: true})
	wantState(t, err, machine.SudoPassword, hint, "a password is required")
	_, err = h.Query(t.Context(), machine.SudoWorks())
	wantState(t, err, machine.SudoPassword, hint)
	err = h.WriteFile(t.Context(), machine.File{Path: t.TempDir() + "/file", Mode: 0o600})
	wantState(t, err, machine.SudoPassword, hint)
	wantCleanHome(t, r)
}

func wantCleanHome(t *testing.T, r rig) {
	t.Helper()
	left, err := os.ReadDir(r.server.Home)
	if err != nil || len(left) > 0 {
		t.Errorf("left in the home: %v, %v", left, err)
	}
}

func TestRootNeedsNoSudo(t *testing.T) {
	t.Parallel()
	for user, want := range map[string]string{"root": "exec 'id' '-u'", "admin": "exec 'sudo' '-n' '--' 'id' '-u'"} {
		h := NewHost(Config{User: user})
		got, err := h.commandLine(machine.Command{Argv: []string{"id", "-u"}, Root: true})
		if err != nil || got != want {
			t.Errorf("%s: %s, %v, want %s", user, got, err, want)
		}
	}
}

func TestNoRoomForASession(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	h := r.host(t, quick())
	r.server.RefuseSessions(openTries - 1)
	if _, err := h.Run(t.Context(), command("true")); err != nil {
		t.Error(err)
	}
	r.server.RefuseSessions(openTries)
	_, err := h.Run(t.Context(), command("true"))
	wantState(t, err, machine.Lost, "MaxSessions")
	if got := r.server.Commands(); len(got) != 1 {
		t.Errorf("ran %q", got)
	}
}

func TestTooMuchOutput(t *testing.T) {
	t.Parallel()
	h := newRig(t).host(t, quick())
	out, err := h.Run(t.Context(), command("head", "-c", "100000000", "/dev/zero"))
	if !errors.Is(err, errTooMuch) || len(out.Stdout) > maxOutput {
		t.Errorf("%d bytes, %v", len(out.Stdout), err)
	}
}

func TestNoSFTP(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.server.RefuseSFTP(true)
	h := r.host(t, quick())
	f := machine.File{Path: t.TempDir() + "/file", Mode: 0o600}
	err := h.WriteFile(t.Context(), f)
	var hint interface{ Hint() string }
	if !errors.As(err, &hint) || !strings.Contains(hint.Hint(), "Subsystem sftp") {
		t.Errorf("got %v", err)
	}
	r.server.RefuseSFTP(false)
	if err := h.WriteFile(t.Context(), f); err != nil {
		t.Error(err)
	}
}

func TestCancelledUploadIsRemoved(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	h := r.host(t, quick())
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	target := t.TempDir() + "/file"
	go func() {
		ended <- h.WriteFile(ctx, machine.File{Path: target, Content: bytes.Repeat([]byte("x"), 32<<20), Mode: 0o600})
	}()
	var files []string
	sshtest.Eventually(t, "the upload begins", func() bool {
		var err error
		files, err = filepath.Glob(filepath.Join(r.server.Home, ".k3sedge-*", "file"))
		return err == nil && len(files) == 1
	})
	if info, err := os.Stat(filepath.Dir(files[0])); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the upload's directory: %v, %v", info, err)
	}
	r.server.Freeze(true)
	cancel()
	if err := sshtest.Promptly(t, func() error { return <-ended }); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	r.server.Freeze(false)
	// Close waits until the host is clean.
	if err := h.Close(); err != nil {
		t.Error(err)
	}
	wantCleanHome(t, r)
	if _, err := os.Stat(target); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the target: %v", err)
	}
}

func TestDamagedUploadIsNotInstalled(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	h := r.host(t, quick())
	dir, target := filepath.Join(r.server.Home, "upload"), filepath.Join(t.TempDir(), "target")
	if err := errors.Join(os.Mkdir(dir, 0o700), os.WriteFile(dir+"/file", []byte("damaged"), 0o600), os.WriteFile(target, []byte("old"), 0o600)); err != nil {
		t.Fatal(err)
	}
	sum := fmt.Sprintf("%x", sha256.Sum256([]byte("whole")))
	_, err := h.Run(t.Context(), machine.Command{Argv: []string{"sh", "-c", install, "sh", dir + "/file", target, "0600", sum, "no"}, Root: true})
	var exit *machine.ExitError
	if !errors.As(err, &exit) || !strings.Contains(exit.Stderr, "arrived damaged") {
		t.Errorf("got %v", err)
	}
	if got, err := os.ReadFile(target); string(got) != "old" {
		t.Errorf("the target has %q, %v", got, err)
	}
	if left, err := os.ReadDir(filepath.Dir(target)); len(left) != 1 {
		t.Errorf("beside the target: %v, %v", left, err)
	}
	wantCleanHome(t, r)
}

func TestPlaceIsCheap(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	h := r.host(t, quick())
	agent := machine.Agent{Path: t.TempDir() + "/lib/node", Content: []byte("#!/bin/sh\n")}
	if err := h.Place(t.Context(), agent); err != nil {
		t.Fatal(err)
	}
	before := len(r.server.Commands())
	if err := h.Place(t.Context(), agent); err != nil {
		t.Fatal(err)
	}
	if got := r.server.Commands()[before:]; len(got) != 1 || !strings.HasPrefix(got[0], "exec 'sh' '-c' 'stat ") {
		t.Errorf("ran %q", got)
	}
}

func TestDamagedAgentIsPlacedAnew(t *testing.T) {
	t.Parallel()
	h := newRig(t).host(t, quick())
	agent := machine.Agent{Path: t.TempDir() + "/node", Content: []byte("#!/bin/sh\n")}
	if err := h.Place(t.Context(), agent); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(agent.Path, make([]byte, len(agent.Content)), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := h.Place(t.Context(), agent); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(agent.Path); !bytes.Equal(got, agent.Content) {
		t.Errorf("the agent is %q, %v", got, err)
	}
}

func TestUseAfterClose(t *testing.T) {
	t.Parallel()
	h := newRig(t).host(t, quick())
	if err := h.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := h.Run(t.Context(), command("true")); !errors.Is(err, errClosed) {
		t.Errorf("got %v", err)
	}
}

func TestExitCodeThatCameBeforeTheLoss(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		err   error
		ended bool
	}{
		"success": {nil, true}, "failure": {&xssh.ExitError{}, true}, "cut off": {&xssh.ExitMissingError{}, false}, "broken": {errSilent, false},
	} {
		done := make(chan error, 1)
		done <- tc.err
		if err, ended := endedBefore(done); ended != tc.ended || !errors.Is(err, tc.err) {
			t.Errorf("%s: %v, %t", name, err, ended)
		}
		if _, ended := endedBefore(done); ended {
			t.Errorf("%s: ended without an exit code", name)
		}
	}
}
