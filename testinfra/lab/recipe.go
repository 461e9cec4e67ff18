//go:build linux

package lab

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/k3sedge/k3sedge/provision/machine"
)

// recipe is all that decides what an image contains, apart from the packages'
// own versions.
type recipe struct {
	Suite    string
	Arch     string
	Packages []string
	// Steps is raised when what is done to the tree after the packages changes.
	Steps int
}

// debian12 is the machine image. It has no kernel: a machine of the lab runs
// on the one below it.
func debian12(arch string) recipe {
	return recipe{
		Suite: "bookworm",
		Arch:  arch,
		Packages: []string{
			"ca-certificates", "cloud-init", "conntrack", "cron", "curl", "dbus", "iproute2", "iptables", "kmod", "locales", "logrotate",
			"netbase", "netplan.io", "nftables", "openssh-server", "procps", "python3", "qemu-guest-agent", "sudo",
			"systemd-sysv", "systemd-timesyncd", "udev", "unattended-upgrades",
		},
		Steps: 1,
	}
}

// hash names the recipe. The order of packages does not matter.
func (r recipe) hash() string {
	packages := slices.Clone(r.Packages)
	slices.Sort(packages)
	sum := sha256.Sum256([]byte(strings.Join([]string{
		"suite " + r.Suite, "arch " + r.Arch, fmt.Sprintf("steps %d", r.Steps),
		"packages " + strings.Join(slices.Compact(packages), " "),
	}, "\n")))
	return hex.EncodeToString(sum[:8])
}

// archive is one line of what the machine's own apt is configured with.
type archive struct{ URI, Suite, Component string }

// indexFormat asks apt for what parseIndexes reads.
const indexFormat = "$(CREATED_BY)\t$(REPO_URI)\t$(RELEASE)\t$(COMPONENT)"

// parseIndexes reads the answer of `apt-get indextargets --format`.
func parseIndexes(out string) []archive {
	var found []archive
	for line := range strings.Lines(out) {
		f := strings.Split(strings.TrimRight(line, "\n"), "\t")
		if len(f) != 4 || f[0] != "Packages" {
			continue
		}
		if a := (archive{URI: f[1], Suite: f[2], Component: f[3]}); !slices.Contains(found, a) {
			found = append(found, a)
		}
	}
	return found
}

// sources are the lines of sources.list for a suite with its updates: those
// that this machine uses itself, and nothing is made up.
func sources(archives []archive, suite string) ([]string, error) {
	wanted := []string{suite, suite + "-updates", suite + "-security"}
	var lines []string
	base := false
	for _, a := range archives {
		if a.Component != "main" || !slices.Contains(wanted, a.Suite) {
			continue
		}
		base = base || a.Suite == suite
		lines = append(lines, fmt.Sprintf("deb %s %s %s", a.URI, a.Suite, a.Component))
	}
	if !base {
		err := fmt.Errorf("apt on this machine has no source for Debian %s main, so the image has no mirror", suite)
		return nil, machine.WithHint(err, "add `deb MIRROR %s main` to /etc/apt/sources.list.d and run apt-get update", suite)
	}
	slices.Sort(lines)
	return lines, nil
}

// transport picks from `apt-config dump` how this machine reaches its mirrors,
// proxies above all.
func transport(dump string) []string {
	var options []string
	for line := range strings.Lines(dump) {
		line = strings.TrimSpace(line)
		lower := strings.ToLower(line)
		if strings.HasPrefix(lower, "acquire::http::") || strings.HasPrefix(lower, "acquire::https::") {
			options = append(options, line)
		}
	}
	return options
}
