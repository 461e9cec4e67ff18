//go:build linux

package lab

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/k3sedge/k3sedge/testinfra/fakepve"
)

func TestALabsMachinesAreOfOneKind(t *testing.T) {
	t.Parallel()
	whole, err := Open("whole", WithMachines(MachinesLibvirt, "bookworm"))
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := whole.hardware(nil).(*domains); !ok {
		t.Errorf("whole machines are %T", whole.hardware(nil))
	}
	small, err := Open("small")
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := small.hardware(nil).(containers); !ok {
		t.Errorf("a lab without a wish has %T", small.hardware(nil))
	}
}

// TestFurnishing runs what a machine is told, in place of the machine.
func TestFurnishing(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for name, text := range map[string]string{resolvFile: "nameserver 192.0.2.1\n", bundleFile: "-----OTHERS-----\n"} {
		if err := os.MkdirAll(filepath.Join(root, filepath.Dir(name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	script := furnishingIn(root)
	for range 2 {
		for _, resolver := range []string{"nameserver 10.77.0.5\n", ""} { // the second time its disc is gone
			if err := shellWith(t, script, resolver, "-----LAB-----\n"); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, want := range map[string]string{
		resolvFile: "nameserver 10.77.0.5\n", bundleFile: "-----OTHERS-----\n-----LAB-----\n", extraCAFile: "-----LAB-----\n",
	} {
		if got, err := os.ReadFile(filepath.Join(root, name)); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

func TestAWholeMachineIsUsedOnlyWhenItIsFurnished(t *testing.T) {
	t.Parallel()
	l, err := Open("furnished", WithState(t.TempDir()), WithMachines(MachinesLibvirt, "bookworm"))
	if err != nil {
		t.Fatal(err)
	}
	h, r := newDomains(l, []byte("-----LAB-----\n")), &running{spec: aVM(), proc: process{PID: 7}}
	var told []string
	if err := h.furnish(t.Context(), r, scripted(&told)); !errors.Is(err, os.ErrNotExist) && !errors.Is(err, fakepve.ErrNoAgent) {
		t.Fatalf("no agent: %v", err)
	}
	const started, failed, done = `{"return":{"pid":7}}`, `{"return":{"exited":true,"exitcode":1,"err-data":"bm8="}}`, `{"return":{"exited":true}}`
	if err := h.furnish(t.Context(), r, scripted(&told, started, failed)); err == nil || err.Error() != "furnish machine: no" {
		t.Errorf("a machine that cannot be furnished: %v", err)
	}
	if err := h.furnish(t.Context(), r, scripted(&told, started, done)); err != nil {
		t.Errorf("furnished: %v", err)
	}
	told = nil
	if err := h.furnish(t.Context(), r, scripted(&told)); err != nil || len(told) != 0 {
		t.Errorf("furnished twice: %v, %v", told, err)
	}
	if err := h.clear(t.Context(), r.spec.ID); err != nil {
		t.Errorf("clear what is not there: %v", err)
	}
}

// shellWith runs a script with one argument and an input.
func shellWith(t *testing.T, script, argument, input string) error {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "/bin/sh", "-c", script, "furnish", argument)
	cmd.Stdin = strings.NewReader(input)
	_, err := capture(t.Context(), cmd)
	return err
}
