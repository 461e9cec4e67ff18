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

func TestKVMIsTriedOnceInTheLifeOfALab(t *testing.T) {
	t.Parallel()
	l, err := Open("tried", WithState(t.TempDir()), WithCache(t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.tryKVM(t.Context()); err == nil || l.Accelerated(t.Context()) {
		t.Errorf("a lab of containers has a kernel to try: %v", err)
	}
	if err := l.virt().furnish(); err != nil {
		t.Fatal(err)
	}
	for word, want := range map[string]bool{"true": true, "false": false} {
		if err := os.WriteFile(l.virt().path("kvm"), []byte(word), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := l.Accelerated(t.Context()); got != want {
			t.Errorf("%s was found before, now: %v", word, got)
		}
	}
}
