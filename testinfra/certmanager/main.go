package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/cert-manager/cert-manager/pkg/logs"
	"github.com/cert-manager/cert-manager/pkg/util"
)

var errComponent = errors.New("name a component: controller, webhook, cainjector or startupapicheck")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	logs.InitLogs()
	defer logs.FlushLogs()
	ctx = logs.NewContext(ctx, logs.Log)
	if err := run(ctx, os.Args); err != nil && ctx.Err() == nil {
		logs.Log.Error(err, "error executing command")
		logs.FlushLogs()
		os.Exit(1)
	}
}

// run is the component by whose name the program was called, or the one that
// its first argument names.
func run(ctx context.Context, argv []string) error {
	for i, name := range argv[:min(2, len(argv))] {
		if component := known(filepath.Base(name)); component != nil {
			logs.FromContext(ctx).Info("starting the lab's cert-manager "+filepath.Base(name), "version", util.AppVersion)
			return component(ctx, argv[i+1:])
		}
	}
	return fmt.Errorf("%w, not %q", errComponent, argv)
}

func known(name string) func(context.Context, []string) error {
	return map[string]func(context.Context, []string) error{
		"controller": controllerRun, "webhook": webhook, "cainjector": cainjector, "startupapicheck": startupAPICheck,
	}[name]
}
