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
	// Whole is an image of a whole machine: a disk with a kernel and GRUB.
	Whole bool
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

// wholeDebian is the image of a machine with a kernel of its own, as Debian's
// "generic" cloud image is: one partition, GRUB, cloud-init, guest agent.
func wholeDebian(arch, suite string) recipe {
	r := debian12(arch)
	r.Suite, r.Whole, r.Steps = suite, true, 1
	r.Packages = append(r.Packages, "apparmor", "auditd", "cloud-guest-utils", "e2fsprogs", "fdisk", "grub-pc", "initramfs-tools", "linux-image-"+arch)
	return r
}

// hash names the recipe. The order of packages does not matter.
func (r recipe) hash() string {
	packages := slices.Clone(r.Packages)
	slices.Sort(packages)
	lines := []string{
		"suite " + r.Suite, "arch " + r.Arch, fmt.Sprintf("steps %d", r.Steps),
		"packages " + strings.Join(slices.Compact(packages), " "),
	}
	if r.Whole {
		lines = append(lines, "whole")
	}
	sum := sha256.Sum256([]byte(strings.Join(lines, "\n")))
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

// otherSuite says where a machine that runs one suite finds another: on the
// same mirrors, which carry all of them.
func otherSuite(archives []archive, own, suite string) []archive {
	out := slices.Clone(archives)
	for i, a := range out {
		if rest, ok := strings.CutPrefix(a.Suite, own); ok && (rest == "" || rest[0] == '-') {
			out[i].Suite = suite + rest
		}
	}
	return out
}

// codename reads the suite of this machine from its os-release.
func codename(osRelease []byte) string {
	for line := range strings.Lines(string(osRelease)) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "VERSION_CODENAME="); ok {
			return strings.Trim(name, `"`)
		}
	}
	return ""
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
