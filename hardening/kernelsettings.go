package hardening

import (
	"slices"
	"strings"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// sysctlFile keeps the kernel settings over a restart. Files are read in the
// order of their names, and the last one counts: Debian's procps brings
// 99-protect-links.conf, and 99-sysctl.conf is /etc/sysctl.conf.
const sysctlFile = "/etc/sysctl.d/99-z-k3sedge.conf"

// bridgeFilter comes with a module that K3s loads, and is on from then on.
const bridgeFilter = "net.bridge.bridge-nf-call-iptables"

// sysctlSetting is a kernel setting that k3sedge keeps, and the control that
// judges it. A key with .*. in it is that of every interface.
type sysctlSetting struct {
	control   string
	key, want string
	// also are further values that hold: stricter ones, or those that a
	// distribution has for the same end.
	also []string
	// cluster settings are of nodes with K3s only. What is missing is not to
	// be set where the setting is optional: a kernel can lack what it governs.
	cluster, optional bool
}

// sysctlSettings are all kept settings; the file has a line for each.
//
// Where the kernel combines the value of an interface with that of "all", one
// of both decides. Redirects are sent, and those of IPv6 taken, where the
// interface says so, and it has its value from the time before our file was
// read; hence the lines for every interface.
func sysctlSettings() []sysctlSetting {
	return slices.Concat(networkSettings(), hostSettings(), clusterSettings())
}

func networkSettings() []sysctlSetting {
	return []sysctlSetting{
		{control: "KRN-01", key: "net.ipv4.ip_forward", want: "1"},
		{control: "KRN-01", key: "net.ipv4.conf.all.forwarding", want: "1"},
		{control: "KRN-02", key: "net.ipv4.conf.all.accept_redirects", want: "0"},
		{control: "KRN-02", key: "net.ipv4.conf.default.accept_redirects", want: "0"},
		{control: "KRN-02", key: "net.ipv4.conf.all.secure_redirects", want: "0"},
		{control: "KRN-02", key: "net.ipv4.conf.default.secure_redirects", want: "0"},
		{control: "KRN-02", key: "net.ipv4.conf.all.send_redirects", want: "0"},
		{control: "KRN-02", key: "net.ipv4.conf.default.send_redirects", want: "0"},
		{control: "KRN-02", key: "net.ipv4.conf.*.send_redirects", want: "0"},
		{control: "KRN-02", key: "net.ipv6.conf.all.accept_redirects", want: "0", optional: true},
		{control: "KRN-02", key: "net.ipv6.conf.default.accept_redirects", want: "0", optional: true},
		{control: "KRN-02", key: "net.ipv6.conf.*.accept_redirects", want: "0", optional: true},
		{control: "KRN-03", key: "net.ipv4.conf.all.accept_source_route", want: "0"},
		{control: "KRN-03", key: "net.ipv4.conf.default.accept_source_route", want: "0"},
		{control: "KRN-03", key: "net.ipv6.conf.all.accept_source_route", want: "0", also: []string{"-1"}, optional: true},
		{control: "KRN-03", key: "net.ipv6.conf.default.accept_source_route", want: "0", also: []string{"-1"}, optional: true},
		// The greater one of all and the interface counts: 1 here is the least, and loosens nothing.
		{control: "KRN-04", key: reversePathAll, want: "1", also: []string{"2"}},
		{control: "KRN-05", key: "net.ipv4.tcp_syncookies", want: "1", also: []string{"2"}},
		{control: "KRN-05", key: "net.ipv4.tcp_rfc1337", want: "1"},
		{control: "KRN-05", key: "net.ipv4.icmp_echo_ignore_broadcasts", want: "1"},
		{control: "KRN-05", key: "net.ipv4.icmp_ignore_bogus_error_responses", want: "1"},
		{control: "KRN-06", key: "net.ipv4.conf.all.log_martians", want: "1"},
		{control: "KRN-06", key: "net.ipv4.conf.default.log_martians", want: "1"},
	}
}

// hostSettings belong to the machine: in a container they are not its own.
func hostSettings() []sysctlSetting {
	return []sysctlSetting{
		{control: "KRN-07", key: "kernel.randomize_va_space", want: "2"},
		{control: "KRN-07", key: "kernel.kptr_restrict", want: "2", also: []string{"1"}},
		{control: "KRN-07", key: "kernel.dmesg_restrict", want: "1"},
		{control: "KRN-07", key: "kernel.perf_event_paranoid", want: "3", also: []string{"2", "4"}, optional: true},
		{control: "KRN-08", key: "kernel.yama.ptrace_scope", want: "1", also: []string{"2", "3"}},
		// 2 can be taken back, 1 cannot until the next restart.
		{control: "KRN-08", key: "kernel.unprivileged_bpf_disabled", want: "2", also: []string{"1"}, optional: true},
		{control: "KRN-08", key: "net.core.bpf_jit_harden", want: "2", optional: true},
		{control: "KRN-09", key: "fs.protected_hardlinks", want: "1"},
		{control: "KRN-09", key: "fs.protected_symlinks", want: "1"},
		{control: "KRN-09", key: "fs.protected_fifos", want: "2"},
		{control: "KRN-09", key: "fs.protected_regular", want: "2"},
		{control: "KRN-09", key: "fs.suid_dumpable", want: "0"},
		{control: "KRN-12", key: "kernel.sysrq", want: "0", optional: true},
		{control: "KRN-12", key: "kernel.kexec_load_disabled", want: "1", optional: true},
		{control: "KRN-12", key: "dev.tty.ldisc_autoload", want: "0", optional: true},
	}
}

func clusterSettings() []sysctlSetting {
	return []sysctlSetting{
		{control: "KRN-10", key: "vm.overcommit_memory", want: "1", cluster: true},
		{control: "KRN-10", key: "vm.panic_on_oom", want: "0", cluster: true},
		{control: "KRN-10", key: "kernel.panic", want: "10", cluster: true},
		{control: "KRN-10", key: "kernel.panic_on_oops", want: "1", cluster: true},
		{control: "KRN-10", key: "kernel.keys.root_maxkeys", want: "1000000", cluster: true},
		{control: "KRN-10", key: "kernel.keys.root_maxbytes", want: "25000000", cluster: true},
		{control: "EDG-10", key: "net.ipv4.ip_unprivileged_port_start", want: "80", cluster: true},
	}
}

// settingsOf are those that one control judges.
func settingsOf(control string) []sysctlSetting {
	return slices.DeleteFunc(sysctlSettings(), func(s sysctlSetting) bool { return s.control != control })
}

// holds reports whether a value is as good as the wanted one.
func (s sysctlSetting) holds(value string) bool {
	return value == s.want || slices.Contains(s.also, value)
}

// keys are those that the setting is about on this host.
func (s sysctlSetting) keys(f *facts.Facts) []string {
	if !strings.Contains(s.key, ".*.") {
		return []string{s.key}
	}
	return interfaceKeys(f, s.key)
}

// interfaceKeys are the keys of all interfaces that a pattern stands for. The
// two that are no interface have settings of their own, and those of K3s lead
// to its pods only, and come and go with them.
func interfaceKeys(f *facts.Facts, pattern string) []string {
	before, after, _ := strings.Cut(pattern, "*")
	var out []string
	for key := range f.Sysctls {
		name, fits := strings.CutPrefix(key, before)
		name, ends := strings.CutSuffix(name, after)
		if fits && ends && name != "*" && !slices.Contains([]string{"all", "default", "lo"}, name) && !ofCluster(name) {
			out = append(out, key)
		}
	}
	slices.Sort(out)
	return out
}

// ofCluster reports whether K3s has made the interface.
func ofCluster(name string) bool {
	return slices.ContainsFunc([]string{"cni", "flannel", "veth", "kube"}, func(prefix string) bool { return strings.HasPrefix(name, prefix) })
}

// foreign reports whether the setting is not this machine's to change, as in a
// container. KRN-01 is judged all the same, as everything of its network is.
func (s sysctlSetting) foreign(f *facts.Facts) bool {
	if strings.HasPrefix(s.key, "net.") && !s.cluster {
		return false
	}
	is := f.Sysctls[s.key]
	inContainer := f.System != nil && f.System.Container != "" && f.System.Container != "none"
	return is.ReadOnly && is.Value != "" || inContainer && is.Absent
}
