package node

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// A program's child may keep its output open after the program was ended. The
// lock, and with it the way back, must not wait for that.
func TestRunDoesNotWaitForTheChildrenOfAProgramThatWasEnded(t *testing.T) {
	t.Parallel()
	pipe := filepath.Join(t.TempDir(), "pid")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() {
		_, err := programs{}.Run(ctx, command("/bin/sh", "-c", "sleep 300 & echo $! >"+pipe+"; wait"))
		done <- err
	}()
	b, err := os.ReadFile(pipe)
	if err != nil {
		t.Fatal(err)
	}
	child, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("error: %v", err)
	}
	if err := syscall.Kill(child, syscall.SIGKILL); err != nil {
		t.Errorf("the child was gone already, so that nothing was shown: %v", err)
	}
}
