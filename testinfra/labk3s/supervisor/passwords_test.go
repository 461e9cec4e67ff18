package supervisor_test

import (
	"errors"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/k3sedge/k3sedge/testinfra/labk3s/supervisor"
)

func TestTheFirstPasswordOfANameStays(t *testing.T) {
	t.Parallel()
	client := fake.NewClientset().CoreV1().Secrets("kube-system")
	s := supervisor.Secrets{Client: client}
	for _, step := range []struct {
		password string
		want     error
	}{{"first", nil}, {"first", nil}, {"second", supervisor.ErrRejected}} {
		if err := s.Ensure(t.Context(), "edge-1", step.password); !errors.Is(err, step.want) {
			t.Errorf("%s: %v, want %v", step.password, err, step.want)
		}
	}
	const name = "edge-1.node-password.k3s"
	secret, err := client.Get(t.Context(), name, metav1.GetOptions{})
	if err != nil || secret.Immutable == nil || !*secret.Immutable || len(secret.Data["hash"]) == 0 {
		t.Fatalf("secret %+v, %v", secret, err)
	}
	if err := client.Delete(t.Context(), name, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := s.Ensure(t.Context(), "edge-1", "second"); err != nil {
		t.Errorf("a rebuilt node whose secret was deleted is kept out: %v", err)
	}
}

func TestAnUnknownHashIsNoPassword(t *testing.T) {
	t.Parallel()
	client := fake.NewClientset(&corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "edge-1.node-password.k3s", Namespace: "kube-system"},
	}).CoreV1().Secrets("kube-system")
	if err := (supervisor.Secrets{Client: client}).Ensure(t.Context(), "edge-1", ""); !errors.Is(err, supervisor.ErrRejected) {
		t.Errorf("a secret without a hash gives %v", err)
	}
}
