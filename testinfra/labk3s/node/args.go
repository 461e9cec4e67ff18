package node

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"
)

// knownArgs are the flags of the kubelet that the lab takes. None but
// protect-kernel-defaults changes what the stand-in does.
func knownArgs() []string {
	return []string{
		"anonymous-auth", "authorization-mode", "config", "container-log-max-files", "container-log-max-size",
		"event-burst", "event-qps", "eviction-hard", "eviction-minimum-reclaim", "eviction-soft", "fail-swap-on",
		"feature-gates", "image-gc-high-threshold", "image-gc-low-threshold", "kube-reserved", "make-iptables-util-chains",
		"max-pods", "node-status-update-frequency", "pod-max-pids", "protect-kernel-defaults", "read-only-port",
		"rotate-certificates", "rotate-server-certificates", "seccomp-default", "serialize-image-pulls", "shutdown-grace-period",
		"shutdown-grace-period-critical-pods", "streaming-connection-idle-timeout", "system-reserved",
		"tls-cipher-suites", "tls-min-version", "v",
	}
}

func checkArgs(args []string) error {
	var unknown []error
	for _, arg := range args {
		name, _, _ := strings.Cut(arg, "=")
		if !slices.Contains(knownArgs(), name) {
			unknown = append(unknown, fmt.Errorf("kubelet: unknown flag: --%s", name))
		}
	}
	return errors.Join(unknown...)
}

type kernelFlag struct {
	name string
	want int
}

// checkKernel demands the kernel settings that the kubelet demands with
// protect-kernel-defaults, and without it would write.
func checkKernel(root string) error {
	// A file, because /proc refuses its folders to everybody before it comes to that.
	if errors.Is(unix.Access(filepath.Join(root, "vm/overcommit_memory"), unix.W_OK), unix.EROFS) {
		logrus.Warn("protect-kernel-defaults: /proc/sys is read-only here, so this is a container of the lab and its kernel's settings are not its own: not checked")
		return nil
	}
	var wrong []error
	for _, f := range []kernelFlag{
		{"vm/overcommit_memory", 1}, {"vm/panic_on_oom", 0}, {"kernel/panic", 10}, {"kernel/panic_on_oops", 1},
		{"kernel/keys/root_maxkeys", 1000000}, {"kernel/keys/root_maxbytes", 25000000},
	} {
		content, err := os.ReadFile(filepath.Join(root, f.name))
		if err != nil {
			wrong = append(wrong, fmt.Errorf("read a kernel flag: %w", err))
			continue
		}
		if got, err := strconv.Atoi(strings.TrimSpace(string(content))); err != nil || got != f.want {
			wrong = append(wrong, fmt.Errorf("invalid kernel flag: %s, expected value: %d, actual value: %d", f.name, f.want, got))
		}
	}
	if len(wrong) > 0 {
		return fmt.Errorf("kubelet: failed to start ContainerManager: %w", errors.Join(wrong...))
	}
	return nil
}
