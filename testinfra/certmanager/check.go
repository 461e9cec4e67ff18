package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/util/wait"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/cert-manager/cert-manager/pkg/logs"
	"github.com/cert-manager/cert-manager/pkg/util/cmapichecker"
)

// ownNamespace is that of the pod.
func ownNamespace() string {
	content, err := os.ReadFile("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
	if err != nil {
		return "default" // outside of a pod
	}
	return string(content)
}

// startupAPICheck asks whether the API takes cert-manager's objects, until it
// does or the wait is over. It is called as the chart calls it: check api.
func startupAPICheck(ctx context.Context, args []string) error {
	flags := pflag.NewFlagSet("startupapicheck", pflag.ContinueOnError)
	limit := flags.Duration("wait", 0, "how long to go on asking")
	interval := flags.Duration("interval", 5*time.Second, "how long to wait between two questions")
	namespace := flags.StringP("namespace", "n", ownNamespace(), "where to try to make an object")
	verbose := flags.BoolP("verbose", "v", false, "tell each answer")
	if err := flags.Parse(args); err != nil {
		return fmt.Errorf("read the flags: %w", err)
	}
	if flags.NArg() != 2 || flags.Arg(0) != "check" || flags.Arg(1) != "api" {
		return fmt.Errorf("startupapicheck knows the command check api, not %q", flags.Args())
	}
	api, err := ctrl.GetConfig()
	if err != nil {
		return fmt.Errorf("find the API: %w", err)
	}
	checker, err := cmapichecker.New(api, *namespace)
	if err != nil {
		return fmt.Errorf("make the check: %w", err)
	}
	var last error
	err = wait.PollUntilContextTimeout(ctx, *interval, max(*limit, time.Nanosecond), true, func(ctx context.Context) (bool, error) {
		if last = checker.Check(ctx); last != nil && *verbose {
			logs.Log.Info("not ready", "reason", cmapichecker.TranslateToSimpleError(last))
		}
		return last == nil, nil
	})
	if err != nil && last != nil {
		return fmt.Errorf("the API of cert-manager is not ready: %w", last)
	}
	return err
}
