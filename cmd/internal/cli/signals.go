package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// errInterrupted is the cause of a context that the user cancelled.
var errInterrupted = errors.New("interrupted")

// untilInterrupted returns a context that the first Ctrl-C ends: for what only
// looks or asks, so that nothing has to be finished.
func untilInterrupted(parent context.Context) (ctx context.Context, release func()) {
	ctx, cancel := context.WithCancelCause(parent)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		select {
		case <-signals:
			cancel(errInterrupted)
		case <-ctx.Done():
		}
	}()
	return ctx, func() { signal.Stop(signals); cancel(nil) }
}

// interrupts turns Ctrl-C into two stages: the first closes the returned
// channel, so that the running step is finished and no other begun; the
// second cancels the context. release ends the watching.
func interrupts(parent context.Context, s Streams) (ctx context.Context, stop <-chan struct{}, release func()) {
	ctx, cancel := context.WithCancelCause(parent)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	stopping := make(chan struct{})
	go func() {
		select {
		case <-signals:
		case <-ctx.Done():
			return
		}
		s.screen().endLine() // of a question
		fmt.Fprintln(s.Err, "finishing this step; the same command goes on later; Ctrl-C again stops now")
		close(stopping)
		select {
		case <-signals:
			cancel(errInterrupted)
		case <-ctx.Done():
		}
	}()
	return ctx, stopping, func() { signal.Stop(signals); cancel(nil) }
}
