package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"strings"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

const bootIDFile = "/proc/sys/kernel/random/boot_id"

func (h Host) system(ctx context.Context) (*facts.System, error) {
	s := facts.System{Arch: runtime.GOARCH, UnixTime: h.Now().Unix()}
	release, err := h.osRelease()
	if err != nil {
		return nil, err
	}
	s.OS, s.Release = release["ID"], release["VERSION_ID"]
	for path, into := range map[string]*string{
		"/proc/sys/kernel/hostname":  &s.Hostname,
		"/proc/sys/kernel/osrelease": &s.Kernel,
		bootIDFile:                   &s.BootID,
	} {
		if *into, err = h.line(path); err != nil {
			return nil, err
		}
	}
	s.Container, err = h.container(ctx)
	return &s, err
}

// container asks systemd, which knows more ways to be contained than we do.
// It exits 1 where it answers "none".
func (h Host) container(ctx context.Context) (string, error) {
	out, err := h.Runner.Run(ctx, command(detectVirt, "--container"))
	var exit *exitError
	if errors.As(err, &exit) && strings.TrimSpace(exit.stdout) == "none" {
		return "none", nil
	}
	if err != nil {
		return "", fmt.Errorf("ask for a container: %w", err)
	}
	return strings.TrimSpace(out), nil
}

// line reads a file that holds one line.
func (h Host) line(path string) (string, error) {
	b, err := os.ReadFile(h.path(path))
	return strings.TrimSpace(string(b)), err
}

func (h Host) osRelease() (map[string]string, error) {
	b, err := os.ReadFile(h.path("/etc/os-release"))
	if errors.Is(err, fs.ErrNotExist) {
		b, err = os.ReadFile(h.path("/usr/lib/os-release"))
	}
	if err != nil {
		return nil, fmt.Errorf("read os-release: %w", err)
	}
	out := map[string]string{}
	for line := range strings.Lines(string(b)) {
		if key, value, found := strings.Cut(strings.TrimSpace(line), "="); found {
			out[key] = strings.Trim(value, `"'`)
		}
	}
	return out, nil
}
