//go:build linux

package lab

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// kvmTrial is how long a kernel may take to come up and end again with KVM,
// where it takes two seconds. Emulated it would take longer than many wait.
const kvmTrial = 15 * time.Second

// Accelerated says whether KVM runs a guest here. That there is a /dev/kvm
// does not say so: on some machines a guest hangs in its first instructions.
// So the kernel of the image is booted without a disk, once until this machine
// restarts. What could not be tried counts as no: emulation works everywhere.
func (l *Lab) Accelerated(ctx context.Context) bool {
	if _, err := os.Stat("/dev/kvm"); err != nil {
		return false // the machine has none
	}
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		l.say("KVM: could not be tried: %v", err)
		return false
	}
	known, _ := os.ReadFile(l.kvmRecord())
	if verdict, here := bytes.CutPrefix(known, boot); here {
		return string(verdict) == "true"
	}
	works, err := l.tryKVM(ctx)
	if err != nil {
		l.say("KVM: could not be tried: %v", err)
		return false
	}
	if err := writeFile(l.kvmRecord(), strconv.AppendBool(boot, works), 0o644); err != nil {
		l.say("KVM: what the trial showed is not kept: %v", err)
	}
	return works
}

// kvmRecord says in which boot KVM was tried, and whether a guest ran.
func (l *Lab) kvmRecord() string { return filepath.Join(l.cache, "kvm") }

// tryKVM boots a kernel until it finds no disk, panics, and would restart.
func (l *Lab) tryKVM(ctx context.Context) (bool, error) {
	if !l.whole {
		return false, errors.New("the lab has no kernel of its own, its machines are containers")
	}
	if err := l.ableVirt(); err != nil {
		return false, err
	}
	img, err := l.Image(ctx)
	if err != nil {
		return false, err
	}
	trial, cancel := context.WithTimeout(ctx, kvmTrial)
	defer cancel()
	out, end := runBound(trial, "qemu-system-x86_64", "-accel", "kvm", "-m", "256", "-nographic", "-no-reboot", "-net", "none",
		"-kernel", filepath.Join(filepath.Dir(img.Path), kernelName), "-append", "console=ttyS0 panic=-1")
	return kvmRan(out, end), ctx.Err()
}

// kvmRan judges such a trial: the kernel has spoken, and QEMU ended by itself.
func kvmRan(said []byte, end error) bool {
	return end == nil && bytes.Contains(said, []byte("Linux version "))
}
