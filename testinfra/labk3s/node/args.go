package node

import (
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"
	cliflag "k8s.io/component-base/cli/flag"
)

// knownArgs are the flags of the kubelet that the lab takes. Those of TLS are
// acted on, and configz tells all that kubeletArgs has; of the others nothing
// changes what the stand-in does.
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

// kubeletArgs are the settings that the stand-in can tell of, with the
// kubelet's defaults and K3s' own.
type kubeletArgs struct {
	seccompDefault bool
	podPids        int64
	eventQPS       int64
	streamingIdle  time.Duration
	tls            *tls.Config // what the flags say of it
}

// fixed are the flags of which the stand-in was taught one value only: K3s' own.
func fixed() map[string]string {
	return map[string]string{"anonymous-auth": "false", "authorization-mode": "Webhook", "read-only-port": "0"}
}

func parseArgs(args []string) (kubeletArgs, error) {
	k := kubeletArgs{podPids: -1, eventQPS: 50, streamingIdle: 4 * time.Hour, tls: &tls.Config{MinVersion: tls.VersionTLS12}}
	var wrong []error
	for _, arg := range args {
		name, value, _ := strings.Cut(arg, "=")
		if !slices.Contains(knownArgs(), name) {
			wrong = append(wrong, fmt.Errorf("kubelet: unknown flag: --%s", name))
			continue
		}
		if only, ok := fixed()[name]; ok && value != only {
			wrong = append(wrong, fmt.Errorf("kubelet: the lab's was taught no other --%s than %s", name, only))
		}
		if err := k.set(name, value); err != nil {
			wrong = append(wrong, fmt.Errorf("kubelet: invalid argument %q for --%s: %w", value, name, err))
		}
	}
	return k, errors.Join(wrong...)
}

func (k *kubeletArgs) set(name, value string) (err error) {
	switch name {
	case "seccomp-default":
		k.seccompDefault, err = strconv.ParseBool(value)
	case "pod-max-pids":
		k.podPids, err = strconv.ParseInt(value, 10, 64)
	case "event-qps":
		k.eventQPS, err = strconv.ParseInt(value, 10, 64)
	case "streaming-connection-idle-timeout":
		k.streamingIdle, err = time.ParseDuration(value)
	case "tls-min-version":
		k.tls.MinVersion, err = cliflag.TLSVersion(value)
	case "tls-cipher-suites":
		k.tls.CipherSuites, err = cliflag.TLSCipherSuites(strings.Split(value, ","))
	}
	return err
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
