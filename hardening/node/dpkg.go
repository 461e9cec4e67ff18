package node

import (
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

const dpkgStatus = "/var/lib/dpkg/status"

// installedPackage is a package of dpkg's database.
type installedPackage struct{ name, arch, version string }

// packages are the versions of some packages, "" for those that are not installed.
func (h Host) packages(names []string) (map[string]string, error) {
	out := map[string]string{}
	if len(names) == 0 {
		return out, nil
	}
	installed, err := h.installed()
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		out[name] = ""
		if i := slices.IndexFunc(installed, func(p installedPackage) bool { return p.name == name }); i >= 0 {
			out[name] = installed[i].version
		}
	}
	return out, nil
}

// installed lists the installed packages, out of dpkg's own database: dpkg-query
// would tell the same, later.
func (h Host) installed() ([]installedPackage, error) {
	b, err := os.ReadFile(h.path(dpkgStatus))
	if err != nil {
		return nil, fmt.Errorf("read packages: %w", err)
	}
	out := parseInstalled(string(b))
	if len(out) == 0 {
		return nil, errors.New("read packages: no installed package in " + dpkgStatus)
	}
	return out, nil
}

func parseInstalled(status string) []installedPackage {
	var out []installedPackage
	var p installedPackage
	there := false
	finish := func() {
		if there && p.name != "" {
			out = append(out, p)
		}
		p, there = installedPackage{}, false
	}
	for line := range strings.Lines(status) {
		line = strings.TrimRight(line, "\r\n")
		key, value, found := strings.Cut(line, ": ")
		switch {
		case line == "":
			finish()
		case !found:
		case key == "Package":
			p.name = value
		case key == "Architecture":
			p.arch = value
		case key == "Version":
			p.version = value
		case key == "Status":
			there = isUnpacked(value)
		}
	}
	finish()
	return out
}

// isUnpacked is true in every state in which a package's files are on the disk:
// where dpkg was interrupted, its programs run all the same.
func isUnpacked(status string) bool {
	words := strings.Fields(status)
	return len(words) == 3 && words[2] != "not-installed" && words[2] != "config-files"
}

// pendingUpdates are the installed packages that available has newer.
func (h Host) pendingUpdates(available map[string]string) ([]facts.PendingUpdate, error) {
	installed, err := h.installed()
	if err != nil {
		return nil, err
	}
	out := []facts.PendingUpdate{}
	for _, p := range installed {
		newer := available[p.name+":"+p.arch]
		if newer != "" && newer != p.version && compareVersions(newer, p.version) > 0 {
			out = append(out, facts.PendingUpdate{Package: p.name, Installed: p.version, Available: newer})
		}
	}
	return out, nil
}

const rebootRequired = "/run/reboot-required"

// kernels compares the running kernel with those that are installed for the
// same kind of machine: 6.1.0-30-cloud-amd64 with other *-cloud-amd64.
func (h Host) kernels() (*facts.Kernels, error) {
	release, err := h.line("/proc/sys/kernel/osrelease")
	if err != nil {
		return nil, fmt.Errorf("read kernels: %w", err)
	}
	version, err := h.line("/proc/version")
	if err != nil {
		return nil, fmt.Errorf("read kernels: %w", err)
	}
	installed, err := h.installed()
	if err != nil {
		return nil, err
	}
	k := facts.Kernels{Running: debianVersion(version)}
	for _, p := range installed {
		if strings.HasPrefix(p.name, "linux-image-") && kernelFlavour(p.name) == kernelFlavour(release) && isDigit(p.name[len("linux-image-")]) &&
			(k.Newest == "" || compareVersions(p.version, k.NewestVersion) > 0) {
			k.Newest, k.NewestVersion = p.name, p.version
		}
	}
	asked, err := h.stat(rebootRequired)
	if err != nil {
		return nil, fmt.Errorf("read kernels: %w", err)
	}
	k.Reboot = asked.Kind != facts.KindAbsent
	if b, err := h.readSmall(rebootRequired + ".pkgs"); err == nil {
		k.For = wordLines(string(b))
		slices.Sort(k.For)
		k.For = slices.Compact(k.For)
	}
	return &k, nil
}

// debianVersion is the package version in /proc/version: … Debian 6.1.124-1 (2025-01-12).
func debianVersion(text string) string {
	_, after, _ := strings.Cut(text, " Debian ")
	words := strings.Fields(after)
	// "Debian 12.2.0-14) 12.2.0" is the compiler's.
	for len(words) > 0 && strings.HasSuffix(words[0], ")") {
		_, after, _ = strings.Cut(after, " Debian ")
		words = strings.Fields(after)
	}
	if len(words) == 0 {
		return ""
	}
	return words[0]
}

// kernelFlavour is what follows the numbers: cloud-amd64, amd64, rt-amd64.
func kernelFlavour(release string) string {
	words := strings.Split(strings.TrimPrefix(release, "linux-image-"), "-")
	for i, w := range words {
		if w != "" && !isDigit(w[0]) && !strings.HasPrefix(w, "deb") && !strings.HasPrefix(w, "rc") {
			return strings.TrimSuffix(strings.Join(words[i:], "-"), "-unsigned")
		}
	}
	return ""
}

// programFolders are where a package keeps what is run. Its papers may be left
// out on purpose, as container images do.
func programFolders() []string {
	return []string{"bin", "sbin", "lib", "usr/bin", "usr/sbin", "usr/lib", "usr/libexec"}
}

func isProgram(name string) bool {
	return slices.ContainsFunc(programFolders(), func(dir string) bool { return strings.HasPrefix(name, dir+"/") }) && path.Clean(name) == name
}
