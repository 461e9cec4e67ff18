package sshtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/k3sedge/k3sedge/provision/machine"
)

func (s suite) sideBySide(t *testing.T) {
	h := s.host(t)
	var all sync.WaitGroup
	for i := range 25 {
		all.Go(func() {
			word := fmt.Sprint("word ", i)
			out, err := h.Run(t.Context(), machine.Command{Argv: []string{"echo", word}})
			if err != nil || string(out.Stdout) != word+"\n" {
				t.Errorf("got %q, %v, want %q", out.Stdout, err, word)
			}
		})
	}
	all.Wait()
}

// Promptly calls f and fails the test if it does not return.
func Promptly(t *testing.T, f func() error) error {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- f() }()
	select {
	case err := <-done:
		return err
	case <-time.After(patience):
		t.Fatal("it did not return")
		return nil
	}
}

// Eventually asks until holds says true, and fails the test if it never does.
func Eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	end := time.After(patience)
	for !holds() {
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("%s: never", what)
		}
	}
}

func (s suite) cancel(t *testing.T) {
	h := s.host(t)
	dir := strings.TrimSpace(run(t, h, machine.Command{Argv: []string{"mktemp", "-d"}}))
	t.Cleanup(func() { succeeds(h, "rm", "-rf", "--", dir) })
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		_, err := h.Run(ctx, machine.Command{Argv: []string{"sh", "-c", `echo $$ >"$1"/pid.part; mv "$1"/pid.part "$1"/pid; exec sleep 3600`, "sh", dir}})
		ended <- err
	}()
	var pid string
	Eventually(t, "the command starts", func() bool {
		out, err := h.Run(t.Context(), machine.Command{Argv: []string{"cat", dir + "/pid"}})
		pid = strings.TrimSpace(string(out.Stdout))
		return err == nil
	})
	cancel()
	if err := Promptly(t, func() error { return <-ended }); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that it was cancelled", err)
	}
	run(t, h, machine.Command{Argv: []string{"true"}})
	if run(t, h, machine.Command{Argv: []string{"id", "-u"}}) == "0\n" && succeeds(h, "kill", pid) {
		return // sshd hands no signals on to root's commands
	}
	Eventually(t, "the command is gone", func() bool { return !succeeds(h, "kill", "-0", pid) })
}

// succeeds reports whether a command succeeds.
func succeeds(h machine.Host, argv ...string) bool {
	_, err := h.Run(context.Background(), machine.Command{Argv: argv})
	return err == nil
}

func (s suite) cancelledBefore(t *testing.T) {
	h := s.host(t)
	dir := scratch(t, h)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.Run(ctx, asRoot("touch", dir+"/ran")); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that it was cancelled", err)
	}
	err := h.WriteFile(ctx, machine.File{Path: dir + "/written", Content: []byte("x"), Mode: 0o600})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that it was cancelled", err)
	}
	if got := run(t, h, asRoot("ls", "-A", dir)); got != "" {
		t.Errorf("there is %q", got)
	}
}

func (s suite) redial(t *testing.T) {
	h := s.host(t)
	r, ok := h.(machine.Redialer)
	if !ok {
		t.Skip("not a Redialer")
	}
	second, err := r.Redial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	run(t, second, machine.Command{Argv: []string{"true"}})
	if err := second.Close(); err != nil {
		t.Error(err)
	}
	if _, err := second.Run(t.Context(), machine.Command{Argv: []string{"true"}}); err == nil {
		t.Error("a closed session ran a command")
	}
	run(t, h, machine.Command{Argv: []string{"true"}})
	if c, ok := h.(io.Closer); ok {
		third, err := r.Redial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer third.Close()
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		run(t, third, machine.Command{Argv: []string{"true"}})
	}
}
