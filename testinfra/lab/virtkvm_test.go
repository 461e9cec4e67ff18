//go:build linux

package lab

import (
	"context"
	"errors"
	"os"
	"testing"
)

func TestKVMWorksIfAKernelCameUpAndEnded(t *testing.T) {
	t.Parallel()
	const bios = "SeaBIOS (version 1.16.2-debian-1.16.2-1)\r\nBooting from ROM...\r\nProbing EDD (edd=off to disable)... ok\r\n"
	const kernel = bios + "[    0.000000] Linux version 6.1.0-57-amd64 (debian-kernel@lists.debian.org)\r\n"
	for name, c := range map[string]struct {
		said string
		end  error
		want bool
	}{
		"came up":          {kernel + "[    2.11] Kernel panic - not syncing: VFS: Unable to mount root fs\r\n", nil, true},
		"hung before":      {bios, context.DeadlineExceeded, false},
		"hung after":       {kernel, context.DeadlineExceeded, false},
		"ended unspoken":   {bios, nil, false},
		"KVM was refused":  {"qemu-system-x86_64: failed to initialize kvm: Permission denied\n", errors.New("exit status 1"), false},
		"nothing whatever": {"", nil, false},
	} {
		if got := kvmRan([]byte(c.said), c.end); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestKVMIsTriedOnceInTheBootOfAMachine(t *testing.T) {
	t.Parallel()
	l, err := Open("tried", WithState(t.TempDir()), WithCache(t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.tryKVM(t.Context()); err == nil || l.Accelerated(t.Context()) {
		t.Errorf("a lab of containers has a kernel to try: %v", err)
	}
	if _, err := os.Stat(l.kvmRecord()); err == nil {
		t.Error("a trial that could not be made is kept")
	}
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		t.Fatal(err)
	}
	_, none := os.Stat("/dev/kvm")
	for record, want := range map[string]bool{
		string(boot) + "true": none == nil, string(boot) + "false": false,
		"0b8e4a1c-1c1e-4b7e-9d5c-2f3f6a7b8c9d\ntrue": false, // of another boot: it is tried, and cannot be
	} {
		if err := os.WriteFile(l.kvmRecord(), []byte(record), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := l.Accelerated(t.Context()); got != want {
			t.Errorf("%q was found before, now: %v", record, got)
		}
	}
}
