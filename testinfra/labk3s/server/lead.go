package server

import (
	"context"
	"errors"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	typed "k8s.io/client-go/kubernetes/typed/coordination/v1"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

// ErrLost ends a server that led the others and could not go on: as with K3s,
// it starts afresh.
var ErrLost = errors.New("leaderelection lost for k3s")

// The times of K3s' own lease.
const (
	leaseDuration = 45 * time.Second
	renewDeadline = 30 * time.Second
	retryPeriod   = 2 * time.Second
)

// lead runs what only one of several servers may run. The lease is in the
// node's name, so that a server that was killed takes it up again at once.
func lead(ctx context.Context, client typed.LeasesGetter, name string, run func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Lock: &resourcelock.LeaseLock{
			LeaseMeta:  metav1.ObjectMeta{Namespace: "kube-system", Name: "k3s"},
			Client:     client,
			LockConfig: resourcelock.ResourceLockConfig{Identity: name},
		},
		LeaseDuration: leaseDuration, RenewDeadline: renewDeadline, RetryPeriod: retryPeriod, ReleaseOnCancel: true,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(ctx context.Context) { cancel(run(ctx)) },
			OnStoppedLeading: func() {},
		},
	})
	if err != nil {
		return fmt.Errorf("make leader election: %w", err)
	}
	elector.Run(ctx)
	switch cause := context.Cause(ctx); {
	case cause == nil:
		return ErrLost
	case errors.Is(cause, context.Canceled):
		return nil
	default:
		return cause
	}
}
