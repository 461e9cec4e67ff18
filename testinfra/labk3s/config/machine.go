package config

import (
	"bytes"
	"fmt"
	"os"
)

// Emulated reports whether this machine's processors are QEMU's without KVM:
// what takes a second elsewhere takes half a minute here.
func Emulated() (bool, error) {
	list, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return false, fmt.Errorf("look at the processors: %w", err)
	}
	return areEmulated(list), nil
}

func areEmulated(processors []byte) bool { return bytes.Contains(processors, []byte("QEMU TCG CPU")) }
