package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/pflag"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"

	"github.com/cert-manager/cert-manager/internal/apis/config/shared"
	"github.com/cert-manager/cert-manager/pkg/controller"
)

// controllerLease is the name of the controllers' lease.
const controllerLease = "cert-manager-controller"

var errLost = errors.New("leader election lost")

func bindLease(flags *pflag.FlagSet, c *shared.LeaderElectionConfig) {
	flags.BoolVar(&c.Enabled, "leader-elect", c.Enabled, "let one of several do the work")
	flags.StringVar(&c.Namespace, "leader-election-namespace", c.Namespace, "where the lease is")
	flags.DurationVar(&c.LeaseDuration, "leader-election-lease-duration", c.LeaseDuration, "how long others wait for the leader")
	flags.DurationVar(&c.RenewDeadline, "leader-election-renew-deadline", c.RenewDeadline, "how long the leader tries to stay so")
	flags.DurationVar(&c.RetryPeriod, "leader-election-retry-period", c.RetryPeriod, "how long to wait between two tries")
}

// lead calls elected once this process leads, and returns when it does no more.
func lead(ctx context.Context, c shared.LeaderElectionConfig, with *controller.Context, watch *leaderelection.HealthzAdaptor, elected func()) error {
	host, err := os.Hostname()
	if err != nil {
		return fmt.Errorf("find a name for the election: %w", err)
	}
	lock, err := resourcelock.NewWithLabels(resourcelock.LeasesResourceLock, c.Namespace, controllerLease, with.Client.CoreV1(), with.Client.CoordinationV1(),
		resourcelock.ResourceLockConfig{Identity: host + "-external-cert-manager-controller", EventRecorder: with.Recorder},
		map[string]string{"app.kubernetes.io/managed-by": "cert-manager"})
	if err != nil {
		return fmt.Errorf("make the lease: %w", err)
	}
	elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Lock: lock, LeaseDuration: c.LeaseDuration, RenewDeadline: c.RenewDeadline, RetryPeriod: c.RetryPeriod,
		ReleaseOnCancel: true, WatchDog: watch,
		Callbacks: leaderelection.LeaderCallbacks{OnStartedLeading: func(context.Context) { elected() }, OnStoppedLeading: func() {}},
	})
	if err != nil {
		return fmt.Errorf("set up the election: %w", err)
	}
	elector.Run(ctx)
	if ctx.Err() != nil {
		return nil
	}
	return errLost
}
