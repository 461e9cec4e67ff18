package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() { os.Exit(start()) }

// start runs the command line and says how it ended.
func start() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := newApp(os.Stdout, os.Stderr).RunContext(ctx, os.Args)
	if err == nil {
		return 0
	}
	fmt.Fprintln(os.Stderr, "error:", err)
	var hinted interface{ Hint() string }
	if errors.As(err, &hinted) {
		fmt.Fprintln(os.Stderr, "hint:", hinted.Hint())
	}
	var wrong usageError
	if errors.As(err, &wrong) {
		return 2
	}
	return 1
}

// usageError is a command line that makes no sense.
type usageError string

// Error is what is wrong with it.
func (e usageError) Error() string { return string(e) }
