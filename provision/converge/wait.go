package converge

import (
	"context"
	"fmt"
	"time"
)

// Wait is a condition that is asked again until it holds.
type Wait struct {
	What  string        // what is waited for: "task UPID… to end"
	Every time.Duration // pause between two looks; it doubles up to eight times this
	Limit time.Duration // after which waiting fails; 0 for no limit but the context's
	// Gently has the pause be as long as the look, where that takes longer: on a
	// slow host looking would hold up what is waited for.
	Gently bool
	// Cause names the likely reason when the wait takes longer than usual.
	Cause string
}

// LateError is a wait whose time was over before its condition held.
type LateError struct{ Limit time.Duration }

// Error names the limit.
func (e *LateError) Error() string { return fmt.Sprintf("not within %s", e.Limit) }

// Until asks holds until it says true. The string it returns is the state
// now, shown to the user. An error of holds ends the wait at once; one that
// comes of the time being over counts as a LateError.
func (w Wait) Until(ctx context.Context, holds func(ctx context.Context) (bool, string, error)) error {
	if w.Limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, w.Limit, &LateError{w.Limit})
		defer cancel()
	}
	started, pause, state := time.Now(), w.Every, ""
	for {
		asked := time.Now()
		ok, now, err := holds(ctx)
		if err != nil && ctx.Err() == nil {
			return fmt.Errorf("wait for %s: %w", w.What, err)
		}
		if ok {
			return nil
		}
		if now != "" {
			state = now
		}
		Waiting(ctx, joinState(w.What, state), w.causeAfter(time.Since(started)))
		if ctx.Err() != nil || !Pause(ctx, w.pause(pause, time.Since(asked))) {
			return fmt.Errorf("wait for %s: %w", joinState(w.What, state), context.Cause(ctx))
		}
		pause = min(2*pause, 8*w.Every)
	}
}

func (w Wait) pause(usual, look time.Duration) time.Duration {
	if w.Gently {
		return max(usual, look)
	}
	return usual
}

// causeAfter returns the likely cause once the wait has been longer than a
// sound machine needs.
func (w Wait) causeAfter(d time.Duration) string {
	const usual = 15 * time.Second
	if d < usual {
		return ""
	}
	return w.Cause
}

func joinState(what, state string) string {
	if state == "" {
		return what
	}
	return what + " (" + state + ")"
}

// Pause waits for d and reports whether the whole pause went by before ctx ended.
func Pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
