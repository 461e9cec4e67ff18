package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/k3sedge/k3sedge/hardening/node"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	code := node.Main(ctx, node.NewHost(), os.Args[1:], node.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr})
	stop()
	os.Exit(code)
}
