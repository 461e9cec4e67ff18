package server

import (
	"context"
	"fmt"
	"os"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// release takes from this host's parts the leases that they held when they
// were stopped. The host's earlier processes are gone, and kube-controller-manager
// would wait a quarter of a minute for its own ghost.
func release(ctx context.Context, client kubernetes.Interface) error {
	host, err := os.Hostname()
	if err != nil {
		return fmt.Errorf("find this host's name: %w", err)
	}
	leases := client.CoordinationV1().Leases("kube-system")
	for _, name := range []string{"kube-controller-manager", "kube-scheduler"} {
		lease, err := leases.Get(ctx, name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			continue
		}
		if err != nil {
			return fmt.Errorf("get lease %s: %w", name, err)
		}
		if h := lease.Spec.HolderIdentity; h == nil || !strings.HasPrefix(*h, host+"_") {
			continue
		}
		exact := metav1.DeleteOptions{Preconditions: &metav1.Preconditions{ResourceVersion: &lease.ResourceVersion}}
		if err := leases.Delete(ctx, name, exact); err != nil && !apierrors.IsConflict(err) {
			return fmt.Errorf("release lease %s: %w", name, err)
		}
	}
	return nil
}
