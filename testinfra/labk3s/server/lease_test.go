package server

import (
	"context"
	"errors"
	"os"
	"testing"

	coordination "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
)

func lease(name, holder string) *coordination.Lease {
	return &coordination.Lease{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "kube-system"},
		Spec:       coordination.LeaseSpec{HolderIdentity: &holder},
	}
}

func TestOnlyThisHostsLeasesAreReleased(t *testing.T) {
	t.Parallel()
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	client := fake.NewClientset(lease("kube-controller-manager", host+"_1"), lease("kube-scheduler", "another_1"))
	if err := release(t.Context(), client); err != nil {
		t.Fatal(err)
	}
	for name, gone := range map[string]bool{"kube-controller-manager": true, "kube-scheduler": false} {
		_, err := client.CoordinationV1().Leases("kube-system").Get(t.Context(), name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) != gone {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := release(t.Context(), fake.NewClientset()); err != nil {
		t.Errorf("without leases: %v", err)
	}
}

func TestTogetherEndsWithTheFirst(t *testing.T) {
	t.Parallel()
	failed := errors.New("failed")
	run := together([]func(context.Context) error{
		func(ctx context.Context) error { <-ctx.Done(); return nil },
		func(context.Context) error { return failed },
	})
	if err := run(t.Context()); !errors.Is(err, failed) {
		t.Errorf("got %v", err)
	}
}
