package node

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
)

func TestAnEmulatedNodeIsPatientBeforeItEndsAContainer(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		emulated    bool
		given, want int32
	}{{false, 3, 3}, {true, 3, 18}, {true, 0, 6}} {
		given := &corev1.Probe{FailureThreshold: c.given}
		if got := (Config{Emulated: c.emulated}).patient(given).FailureThreshold; got != c.want || given.FailureThreshold != c.given {
			t.Errorf("emulated %v: %d failures of %d, and the probe itself now has %d", c.emulated, got, c.given, given.FailureThreshold)
		}
	}
}
