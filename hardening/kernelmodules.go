package hardening

import (
	"fmt"
	"slices"
	"strings"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// modprobeFile keeps modules away that nothing here needs.
const modprobeFile = "/etc/modprobe.d/k3sedge.conf"

const modulesDisabled = "kernel.modules_disabled"

// unusedModules are file systems that would come with a stick, and protocols
// that nothing here speaks. Not among them: squashfs, overlay and vfat, which
// snaps, containers and UEFI need.
func unusedModules() []string {
	return []string{"cramfs", "freevxfs", "hfs", "hfsplus", "jffs2", "udf", "dccp", "sctp", "rds", "tipc"}
}

// neededModules are those without which K3s has no pods, no bridge and no network.
func neededModules() []string { return []string{"overlay", "br_netfilter", "vxlan", "nf_conntrack"} }

func managedModules() []string { return slices.Concat(unusedModules(), neededModules()) }

func modulesControl() Control {
	return Control{
		ID: "KRN-11", Title: "Modules that nobody uses are blocked, those of K3s are not", Severity: Medium,
		Why:      "a user, or a stick, can make the kernel load a rare driver, and rare drivers are where the holes are; K3s loads its own ones on demand",
		Want:     strings.Join(unusedModules(), ", ") + " blocked; " + strings.Join(neededModules(), ", ") + " loadable or loaded; kernel.modules_disabled 0",
		Refs:     []string{"CIS Debian 12 1.1.1, 3.2", "dev-sec os-10", "lynis USB-1000, NETW-3200"},
		Conflict: "CIS level 2 blocks overlay and squashfs, dev-sec vfat, and lynis wants kernel.modules_disabled 1; containers, snaps and UEFI need the former, and kube-proxy, the CNI and containerd load modules on demand, so that K3s wins",
		When:     notInContainer, Applies: ownKernel,
		Needs: []Part{PartSystem, PartModules, PartSysctls, PartFiles}, Sysctls: []string{modulesDisabled}, Files: []string{modprobeFile},
		Check: checkModules, Mend: mendModules,
	}
}

// ownKernel says whether the machine has a kernel of its own.
func ownKernel(f *facts.Facts, _ Policy) (bool, string) {
	c := f.System.Container
	return c == "" || c == "none", "the kernel belongs to the machine that this container (" + c + ") runs on"
}

func checkModules(f *facts.Facts, _ Policy) Verdict {
	for _, name := range managedModules() {
		if _, answered := f.Modules[name]; !answered {
			return unknown("modules " + name + ": the agent did not look at it")
		}
	}
	if f.Sysctls[modulesDisabled].Value == "" {
		return unknown("this kernel shows no " + modulesDisabled)
	}
	var wrong []string
	for _, name := range unusedModules() {
		if m := f.Modules[name]; m.Loaded || m.OnDisk && !isBlocked(m) {
			wrong = append(wrong, moduleLine(name, m))
		}
	}
	for _, name := range neededModules() {
		if !canLoad(f.Modules[name]) {
			wrong = append(wrong, moduleLine(name, f.Modules[name]))
		}
	}
	if f.Sysctls[modulesDisabled].Value != "0" {
		wrong = append(wrong, fmt.Sprintf("/proc/sys: %s = %s", modulesDisabled, f.Sysctls[modulesDisabled].Value))
	}
	return decide(wrong, fmt.Sprintf("modules otherwise than wanted: %d", len(wrong)), "unused ones blocked, those of K3s not")
}

// isBlocked reports whether modprobe runs nothing in place of loading a module.
func isBlocked(m facts.Module) bool {
	command, _, _ := strings.Cut(m.Install, " ")
	return slices.Contains([]string{"/bin/false", "/bin/true", "/usr/bin/false", "/usr/bin/true"}, command)
}

func canLoad(m facts.Module) bool { return m.Loaded || m.BuiltIn || m.OnDisk && !isBlocked(m) }

func moduleLine(name string, m facts.Module) string {
	switch {
	case m.Loaded:
		return name + ": loaded"
	case m.Install != "":
		return fmt.Sprintf("%s: %s: install %s %s", name, m.InstallFile, name, m.Install)
	case m.OnDisk:
		return name + ": can be loaded"
	}
	return name + ": neither in the kernel nor on the disk"
}

func mendModules(f *facts.Facts, _ Policy) Mend {
	var m Mend
	for _, name := range unusedModules() {
		is := f.Modules[name]
		if is.Install != "" && !isBlocked(is) {
			m.Blocked = append(m.Blocked, fmt.Sprintf("take `install %s` out of %s: it is read before %s", name, is.InstallFile, modprobeFile))
		}
		if is.Loaded {
			m.Advice = append(m.Advice, fmt.Sprintf("%s is in use or was: run `modprobe -r %s` if nobody needs it, or restart", name, name))
		}
	}
	for _, name := range neededModules() {
		switch is := f.Modules[name]; {
		case canLoad(is):
		case is.Install != "":
			m.Blocked = append(m.Blocked, fmt.Sprintf("take `install %s` out of %s: K3s needs this module", name, is.InstallFile))
		default:
			m.Blocked = append(m.Blocked, fmt.Sprintf("the kernel has no module %s: install Debian's own (`apt-get install linux-image-cloud-amd64` or linux-image-amd64) and restart", name))
		}
	}
	if f.Sysctls[modulesDisabled].Value != "0" {
		m.Blocked = append(m.Blocked, "take "+modulesDisabled+" out of /etc/sysctl.d and restart: it cannot be taken back while the kernel runs")
	}
	if differs(f.Files[modprobeFile], modprobeText(), 0o644) {
		m.Files = []facts.FileChange{{Path: modprobeFile, Content: modprobeText(), Mode: 0o644}}
	}
	return m
}

// modprobeText blocks a module by both of its ways in: its name, and the
// aliases under which the kernel asks for it.
func modprobeText() string {
	var b strings.Builder
	b.WriteString("# Written by k3sedge (KRN-11); edits are lost at its next run.\n")
	for _, name := range unusedModules() {
		fmt.Fprintf(&b, "install %s /bin/false\nblacklist %s\n", name, name)
	}
	return b.String()
}
