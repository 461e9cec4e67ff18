//go:build linux

package lab

import (
	"context"
	"errors"

	"golang.org/x/sys/unix"

	"github.com/k3sedge/k3sedge/testinfra/fakepve"
)

// hardware is what the machines of a lab are made of. Whatever it starts
// outlives the daemon. What a machine wrote is in the folder "upper" of its
// own, and complete when it is off or paused.
type hardware interface {
	// boot starts a machine that is off. wait returns when it has ended, and
	// says whether it is to boot again.
	boot(ctx context.Context, s spec) (p process, wait func() (reboot bool), err error)
	// order tells a machine to power off, or takes the power away. It may be
	// told twice, and when it has just ended.
	order(ctx context.Context, r *running, force bool) error
	// pause has a machine stand still, or go on.
	pause(ctx context.Context, id string, still bool) error
	// exec is fakepve.Hypervisor's.
	exec(ctx context.Context, r *running, c fakepve.Command) (fakepve.Result, error)
	// clear ends what is left of a boot and removes what it needed.
	clear(ctx context.Context, id string) error
}

// hardware is that of this lab. The authority is what its machines trust.
func (l *Lab) hardware(authority []byte) hardware {
	if l.whole {
		return newDomains(l, authority)
	}
	return containers{lab: l, authority: authority}
}

// containers are machines that share this machine's kernel.
type containers struct {
	lab       *Lab
	authority []byte
}

func (h containers) boot(ctx context.Context, s spec) (process, func() bool, error) {
	name, dir := h.lab.plan.machine(s.ID), h.lab.folder(s.ID)
	if err := h.prepare(ctx, s); err != nil {
		return process{}, nil, err
	}
	cmd, p, err := boot(name, dir)
	return p, func() bool {
		_ = cmd.Wait() // how it ended is all that matters
		return cmd.ProcessState.ExitCode() == rebootExit
	}, err
}

// prepare makes disk, seed and network of a machine.
func (h containers) prepare(ctx context.Context, s spec) error {
	dir, content := h.lab.folder(s.ID), s.Seed
	if len(content) == 0 {
		var err error
		if content, err = readSeed(s.ISOs); err != nil {
			return err
		}
	}
	if err := dir.mount(ctx, s.Disk); err != nil {
		return err
	}
	if err := content.plant(dir.path("root")); err != nil {
		return err
	}
	if err := furnish(dir.path("root"), content, h.authority); err != nil {
		return err
	}
	return h.lab.plug(ctx, h.lab.plan.machine(s.ID), s.ID, s.MAC)
}

func (h containers) order(_ context.Context, r *running, force bool) error {
	sig := powerOff
	if force {
		sig = unix.SIGKILL
	}
	if err := signalInit(r.proc, sig); err != nil && !errors.Is(err, unix.ESRCH) {
		return err
	}
	return nil
}

func (h containers) pause(_ context.Context, id string, still bool) error {
	return freeze(h.lab.plan.machine(id), still)
}

func (h containers) exec(ctx context.Context, r *running, c fakepve.Command) (fakepve.Result, error) {
	return execIn(ctx, r.proc, c)
}

func (h containers) clear(ctx context.Context, id string) error {
	return h.lab.clearMachine(ctx, h.lab.plan.machine(id), h.lab.folder(id))
}
