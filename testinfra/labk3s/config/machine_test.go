package config

import "testing"

func TestAnEmulatedProcessorIsKnown(t *testing.T) {
	t.Parallel()
	for model, want := range map[string]bool{"QEMU TCG CPU version 2.5+": true, "AMD EPYC 7763 64-Core Processor": false} {
		if got := areEmulated([]byte("processor\t: 0\nmodel name\t: " + model + "\n")); got != want {
			t.Errorf("%s: %v", model, got)
		}
	}
	if _, err := Emulated(); err != nil {
		t.Error(err)
	}
}
