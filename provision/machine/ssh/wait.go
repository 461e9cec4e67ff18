package ssh

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/k3sedge/k3sedge/provision/machine"
)

// errLimit is the end of the time that a wait was given.
var errLimit = errors.New("the time to wait is over")

// WaitReady waits until the host can be worked with: somebody logs in,
// cloud-init has finished, sudo asks for no password. One attempt is in
// flight at a time. What waiting cannot mend ends it at once.
func (h *Host) WaitReady(ctx context.Context, limit time.Duration) error {
	limited, cancel := context.WithTimeoutCause(ctx, limit, errLimit)
	defer cancel()
	w := waiting{host: h}
	for {
		err := h.ready(limited)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("wait for %s: %w", h.cfg.name(), context.Cause(ctx))
		}
		if limited.Err() == nil {
			w.note(ctx, err)
			if w.final(err) {
				return fmt.Errorf("wait for %s: %w", h.cfg.name(), err)
			}
		}
		if !pauseFor(limited, h.pace.retry(w.state, w.tries)) {
			return w.gaveUp(ctx, limit)
		}
	}
}

// ready looks once, in the order in which a machine gets ready.
func (h *Host) ready(ctx context.Context) error {
	if err := h.Connect(ctx); err != nil {
		return err
	}
	if err := h.cloudInitDone(ctx); err != nil {
		return err
	}
	_, err := h.Query(ctx, machine.SudoWorks())
	return err
}

// waiting is what one wait has seen so far.
type waiting struct {
	host         *Host
	state        machine.State
	since        time.Time
	tries        int // in this state
	last         error
	firstRefusal time.Time // of the login
}

func (w *waiting) note(ctx context.Context, err error) {
	now := time.Now()
	if state := machine.StateOf(err); state != w.state || w.last == nil {
		w.state, w.since, w.tries = state, now, 0
	}
	if w.state == machine.AuthRefused && w.firstRefusal.IsZero() {
		w.firstRefusal = now
	}
	w.tries++
	w.last = err
	if tell := w.host.cfg.OnState; tell != nil {
		tell(ctx, w.state, now.Sub(w.since), err)
	}
}

// final reports whether waiting longer is of no use.
func (w *waiting) final(err error) bool {
	switch w.state {
	case machine.NoRoute, machine.Refused, machine.Timeout, machine.Lost:
		return false
	case machine.AuthRefused:
		// sshd answers before cloud-init has written authorized_keys.
		return time.Since(w.firstRefusal) >= w.host.pace.auth
	case machine.CloudInit:
		return errors.Is(err, errCloudInit)
	}
	return true
}

func (w *waiting) gaveUp(ctx context.Context, limit time.Duration) error {
	name := w.host.cfg.name()
	if ctx.Err() != nil {
		return fmt.Errorf("wait for %s: %w", name, context.Cause(ctx))
	}
	if w.last == nil {
		w.last = w.host.cfg.unreachable(machine.Timeout, errLimit)
	}
	return fmt.Errorf("wait for %s: not ready within %s, last: %w", name, limit, w.last)
}

// retryPause is how long to wait before the next attempt. A login that was
// refused is tried slowly: OpenSSH from 9.8 on adds 5 s of penalty for each
// and shuts the address out at 15 s; these pauses stay below 10 s.
func retryPause(state machine.State, tries int) time.Duration {
	if state == machine.AuthRefused {
		return min(time.Duration(max(1, tries)), 3) * 2 * time.Second
	}
	pause := 250 * time.Millisecond
	for range min(max(0, tries-1), 3) {
		pause *= 2
	}
	return pause
}

// pauseFor reports whether the whole pause went by before ctx ended.
func pauseFor(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
