package config

import (
	"bytes"
	"fmt"
	"os"
)

// Emulated reports whether this machine's processors are QEMU's without KVM,
// on which everything takes ten to twenty times as long.
func Emulated() (bool, error) {
	list, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return false, fmt.Errorf("look at the processors: %w", err)
	}
	return areEmulated(list), nil
}

func areEmulated(processors []byte) bool { return bytes.Contains(processors, []byte("QEMU TCG CPU")) }

// Contained reports whether this machine is a container, which systemd notes.
func Contained() bool {
	_, err := os.Stat("/run/systemd/container")
	return err == nil
}
