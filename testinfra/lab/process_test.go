//go:build linux

package lab

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestParseStat(t *testing.T) {
	t.Parallel()
	line := "42 (a) b (c)) S 7 42 42 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 98765 1 2 3\n"
	got, err := parseStat([]byte(line))
	if want := (stat{state: 'S', parent: 7, start: 98765}); err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	for _, bad := range []string{"", "42", "42 (a)", "42 (a) S 7", "42 (a) S x 42 42 0 -1 4 1 2 3 4 5 6 7 8 20 0 1 0 98765 1"} {
		if _, err := parseStat([]byte(bad)); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}

func FuzzParseStat(f *testing.F) {
	f.Add([]byte("42 (a) b (c)) S 7 42 42 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 98765 1 2 3\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if s, err := parseStat(data); err == nil && s.state == 0 {
			t.Errorf("%q has no state", data)
		}
	})
}

// sleeper starts a process that ends with the test.
func sleeper(t *testing.T) process {
	t.Helper()
	cmd := exec.Command("sleep", "3600")
	if err := cmd.Start(); err != nil {
		t.Skip("this machine has no sleep:", err)
	}
	ended := make(chan struct{})
	go func() { defer close(ended); _ = cmd.Wait() }()
	t.Cleanup(func() { _ = cmd.Process.Kill(); <-ended })
	p, err := identify(cmd.Process.Pid, "3600")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestEndReachesTheProcess(t *testing.T) {
	t.Parallel()
	p := sleeper(t)
	for deadline := time.Now().Add(5 * time.Second); !p.alive() && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond) // until the fork has become sleep
	}
	if err := p.end(context.Background(), unix.SIGTERM, 5*time.Second); err != nil {
		t.Fatal(err)
	}
	if p.alive() {
		t.Error("it still runs")
	}
}

func TestANumberThatWasGivenAwayIsNotSignalled(t *testing.T) {
	t.Parallel()
	real := sleeper(t)
	for name, p := range map[string]process{
		"another start": {real.PID, real.Start - 1, real.Mark},
		"another mark":  {real.PID, real.Start, "--machine=k3lab.edge.m-1"},
		"init":          {1, 0, ""},
		"nobody":        {},
	} {
		if p.alive() {
			t.Errorf("%s: taken for the process", name)
		}
		if err := p.signal(unix.SIGKILL); err == nil {
			t.Errorf("%s: was signalled", name)
		}
		if err := p.end(context.Background(), unix.SIGKILL, time.Second); err != nil {
			t.Errorf("%s: %v, want nothing to do", name, err)
		}
	}
	if err := (process{real.PID, real.Start + 1, real.Mark}).signal(unix.SIGKILL); !errors.Is(err, errNotOurs) {
		t.Errorf("got %v, want %v", err, errNotOurs)
	}
	if s, err := readStat(real.PID); err != nil || s.state == 'Z' {
		t.Error("the innocent process was killed")
	}
}

func TestProcessRecord(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "p.json")
	if p, err := loadProcess(path); err != nil || p.alive() {
		t.Errorf("no record: %+v, %v", p, err)
	}
	self, err := identify(os.Getpid(), os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := saveProcess(path, self); err != nil {
		t.Fatal(err)
	}
	if got, err := loadProcess(path); err != nil || got != self || !got.alive() {
		t.Errorf("got %+v, %v, want %+v alive", got, err, self)
	}
	if err := os.WriteFile(path, []byte("{half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := loadProcess(path); err == nil {
		t.Error("a damaged record was read as if there were none")
	}
}
