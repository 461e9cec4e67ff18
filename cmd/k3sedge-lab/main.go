package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() { os.Exit(run(os.Args, os.Stdout, os.Stderr)) }

// run runs the command line and says how it ended.
func run(args []string, out, errs io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := newApp(out, errs).RunContext(ctx, args)
	if err == nil {
		return 0
	}
	var end exitCode
	if errors.As(err, &end) {
		return int(end)
	}
	fmt.Fprintln(errs, "error:", err)
	var hinted interface{ Hint() string }
	if errors.As(err, &hinted) {
		fmt.Fprintln(errs, "hint:", hinted.Hint())
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

// exitCode ends the program with a code when everything has been told.
type exitCode int

// Error names the code; it is never shown.
func (e exitCode) Error() string { return fmt.Sprintf("exit code %d", int(e)) }
