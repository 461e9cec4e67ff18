package lab

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"

	"github.com/k3sedge/k3sedge/provision/machine"
)

// tool is a program the lab needs and the Debian package that has it.
type tool struct{ program, pkg string }

// runTools are needed to run machines.
func runTools() []tool {
	return []tool{
		{"systemd-nspawn", "systemd-container"},
		{"ip", "iproute2"},
		{"mount", "mount"},
		{"nsenter", "util-linux"},
		{"cp", "coreutils"},
		{"ssh-keygen", "openssh-client"},
	}
}

// buildTools are needed to build the image.
func buildTools() []tool {
	return []tool{
		{"mmdebstrap", "mmdebstrap"},
		{"mksquashfs", "squashfs-tools"},
		{"apt-get", "apt"},
		{"unshare", "util-linux"},
	}
}

// virtTools are needed for whole machines.
func virtTools() []tool {
	return []tool{
		{"libvirtd", "libvirt-daemon-system"},
		{"virsh", "libvirt-clients"},
		{"qemu-system-x86_64", "qemu-system-x86"},
		{"qemu-img", "qemu-utils"},
		{"mke2fs", "e2fsprogs"},
		{"xorriso", "xorriso"},
	}
}

// Able says whether this machine can run a lab: Linux, root, and all tools
// there. Its error names everything that is missing at once.
func Able() error {
	if runtime.GOOS != "linux" {
		return errors.New("the lab runs on Linux only: it is made of namespaces")
	}
	if os.Geteuid() != 0 {
		return machine.WithHint(errors.New("the lab needs root: it makes namespaces and mounts"), "run it with sudo")
	}
	return need(slices.Concat(runTools(), buildTools()))
}

// need checks that tools are installed.
func need(tools []tool) error {
	var programs, packages []string
	for _, t := range tools {
		if _, err := exec.LookPath(t.program); err != nil {
			programs = append(programs, t.program)
			packages = append(packages, t.pkg)
		}
	}
	if len(programs) == 0 {
		return nil
	}
	slices.Sort(packages)
	err := fmt.Errorf("missing on this machine: %s", strings.Join(programs, ", "))
	return machine.WithHint(err, "apt-get install %s", strings.Join(slices.Compact(packages), " "))
}
