package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/k3sedge/k3sedge/hardening/node"
	"github.com/k3sedge/k3sedge/provision/machine/look"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	code := run(ctx, os.Args[1:], node.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr})
	stop()
	os.Exit(code)
}

// run hands look to its own package; all else is the transaction's.
func run(ctx context.Context, args []string, s node.Streams) int {
	if len(args) != 1 || args[0] != "look" {
		return node.Main(ctx, node.NewHost(), args, s)
	}
	err := look.Main(ctx, s.In, s.Out)
	switch {
	case err == nil:
		return node.ExitOK
	case errors.Is(err, look.ErrRequest):
		fmt.Fprintf(s.Err, "k3sedge-node: %v\n", err)
		return node.ExitUsage
	}
	fmt.Fprintf(s.Err, "k3sedge-node: %v\n", err)
	return node.ExitFailed
}
