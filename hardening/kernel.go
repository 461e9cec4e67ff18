package hardening

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// sysctlFile keeps the kernel settings over a restart.
const sysctlFile = "/etc/sysctl.d/90-k3sedge.conf"

// bridgeFilter comes with a module that K3s loads, and is on from then on.
const bridgeFilter = "net.bridge.bridge-nf-call-iptables"

// sysctlSetting is a kernel setting that k3sedge keeps, and the control that judges it.
type sysctlSetting struct {
	control   string
	key, want string
	cluster   bool // of nodes with K3s only
}

// sysctlSettings are all kept settings; the file has a line for each.
func sysctlSettings() []sysctlSetting {
	return []sysctlSetting{
		{"KRN-01", "net.ipv4.ip_forward", "1", false},
		{"KRN-01", "net.ipv4.conf.all.forwarding", "1", false},
		{"KRN-10", "vm.overcommit_memory", "1", true},
		{"KRN-10", "vm.panic_on_oom", "0", true},
		{"KRN-10", "kernel.panic", "10", true},
		{"KRN-10", "kernel.panic_on_oops", "1", true},
		{"KRN-10", "kernel.keys.root_maxkeys", "1000000", true},
		{"KRN-10", "kernel.keys.root_maxbytes", "25000000", true},
		{"EDG-10", "net.ipv4.ip_unprivileged_port_start", "80", true},
	}
}

func kernelControls() []Control {
	return []Control{
		sysctlControl(Control{
			ID: "KRN-01", Title: "Forwarding is on (the inverse of CIS)", Severity: High,
			Why:     "without it no pod reaches anything; the forward chain of our firewall is what closes it to strangers",
			Refs:    []string{"CIS Debian 12 3.3.1 (inverted)", "dev-sec sysctl-01 (inverted)"},
			Sysctls: []string{bridgeFilter},
		}),
		sysctlControl(Control{
			ID: "KRN-10", Title: "The kernel is set as the kubelet demands", Severity: High,
			Why:     "with protect-kernel-defaults the kubelet does not start on other values, and without it nobody notices",
			Refs:    []string{"K3s CIS Hardening Guide, host-level requirements", "rke2#3804"},
			Applies: onCluster,
		}),
		sysctlControl(Control{
			ID: "EDG-10", Title: "Traefik binds 80 and 443 without any capability", Severity: High,
			Why:     "on the host's network NET_BIND_SERVICE does nothing for a process that is not root; 80 opens what the edge needs and not the ports below",
			Refs:    []string{"Linux, ip-sysctl: ip_unprivileged_port_start"},
			Applies: onCluster,
		}),
	}
}

// sysctlControl judges the kept settings that carry the control's ID, in the
// kernel and as they will be after a restart. Sysctls that the control names
// itself must be 1 where this kernel has them.
func sysctlControl(c Control) Control {
	optional := c.Sysctls
	settings := slices.DeleteFunc(sysctlSettings(), func(s sysctlSetting) bool { return s.control != c.ID })
	for _, s := range settings {
		c.Sysctls = append(c.Sysctls, s.key)
	}
	c.Needs = []Part{PartSysctls}
	c.Check = func(f *facts.Facts, _ Policy) Verdict { return checkSysctls(f, settings, optional) }
	c.Mend = func(f *facts.Facts, p Policy) Mend { return mendSysctls(f, settings, optional, sysctlText(p)) }
	return c
}

func checkSysctls(f *facts.Facts, settings []sysctlSetting, optional []string) Verdict {
	if key := foreign(f, settings); key != "" {
		return Verdict{Status: NotApplicable, Evidence: []string{key + " belongs to the machine that this container runs on"}}
	}
	var wrong, have, want []string
	for _, s := range settings {
		is := f.Sysctls[s.key]
		if is.Absent || is.Value == "" {
			return unknown("this kernel shows no " + s.key)
		}
		have, want = append(have, s.key+"="+is.Value), append(want, s.key+"="+s.want)
		if is.Value != s.want {
			wrong = append(wrong, fmt.Sprintf("/proc/sys: %s = %s", s.key, is.Value))
		}
		if is.Persistent != s.want {
			wrong = append(wrong, afterRestart(s.key, is))
		}
	}
	for _, key := range optional {
		is := f.Sysctls[key]
		if !is.Absent && is.Value == "" {
			return unknown("no value of " + key)
		}
		if !is.Absent && is.Value != "1" {
			have, wrong = append(have, key+"="+is.Value), append(wrong, fmt.Sprintf("/proc/sys: %s = %s", key, is.Value))
		}
	}
	return decide(wrong, strings.Join(have, " "), strings.Join(want, " ")+", now and after a restart")
}

// foreign is the first of the kubelet's settings that is not this machine's to
// change, as in a container. KRN-01 is judged all the same.
func foreign(f *facts.Facts, settings []sysctlSetting) string {
	for _, s := range settings {
		if is := f.Sysctls[s.key]; s.cluster && is.ReadOnly && is.Value != "" {
			return s.key
		}
	}
	return ""
}

func afterRestart(key string, is facts.Sysctl) string {
	if is.Origin == "" {
		return "after a restart: no file sets " + key
	}
	return fmt.Sprintf("after a restart: %s: %s = %s", is.Origin, key, is.Persistent)
}

func mendSysctls(f *facts.Facts, settings []sysctlSetting, optional []string, text string) Mend {
	m := Mend{Sysctls: map[string]string{}}
	for _, s := range settings {
		is := f.Sysctls[s.key]
		if is.Value != s.want {
			m.set(s.key, s.want, is)
		}
		if is.Persistent == s.want {
			continue
		}
		if path.Base(is.Origin) > path.Base(sysctlFile) {
			m.Blocked = append(m.Blocked, fmt.Sprintf("take %s out of %s: it is read after %s", s.key, is.Origin, sysctlFile))
			continue
		}
		m.Files = []facts.FileChange{{Path: sysctlFile, Content: text, Mode: 0o644}}
	}
	for _, key := range optional {
		if is := f.Sysctls[key]; !is.Absent && is.Value != "1" {
			m.set(key, "1", is)
		}
	}
	return m
}

// set changes a kernel setting at once, where it is this machine's to change.
func (m *Mend) set(key, value string, is facts.Sysctl) {
	if is.ReadOnly {
		m.Blocked = append(m.Blocked, fmt.Sprintf("%s belongs to the machine that this container runs on: set it to %s there", key, value))
		return
	}
	m.Sysctls[key] = value
}

// sysctlText is the file that keeps the settings.
func sysctlText(p Policy) string {
	var b strings.Builder
	b.WriteString("# Written by k3sedge; edits are lost at its next run.\n")
	for _, s := range sysctlSettings() {
		if s.cluster && p.Cluster == nil {
			continue
		}
		fmt.Fprintf(&b, "%s = %s\n", s.key, s.want)
	}
	return b.String()
}
