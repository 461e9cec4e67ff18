package server

import (
	"context"
	"errors"
	"testing"

	"k8s.io/client-go/kubernetes/fake"
)

func TestTheLeadersErrorEndsTheServer(t *testing.T) {
	t.Parallel()
	failed := errors.New("failed")
	client := fake.NewClientset().CoordinationV1()
	if err := lead(t.Context(), client, "edge-1", func(context.Context) error { return failed }); !errors.Is(err, failed) {
		t.Errorf("got %v", err)
	}
}

func TestALeaderThatIsStoppedReleasesItsLease(t *testing.T) {
	t.Parallel()
	client := fake.NewClientset().CoordinationV1()
	for _, name := range []string{"edge-1", "edge-2"} { // the second need not wait for the first's lease to end
		ctx, cancel := context.WithCancel(t.Context())
		led := false
		err := lead(ctx, client, name, func(context.Context) error {
			led = true
			cancel()
			return nil
		})
		if err != nil || !led {
			t.Errorf("%s led %v, %v", name, led, err)
		}
	}
}
