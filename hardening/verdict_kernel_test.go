package hardening

import (
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

func module(name string, m facts.Module) func(*facts.Facts, Policy) {
	return func(f *facts.Facts, _ Policy) { f.Modules[name] = m }
}

func listener(l facts.Listener) func(*facts.Facts, Policy) {
	return func(f *facts.Facts, _ Policy) { f.Listeners = append(f.Listeners, l) }
}

// content makes a file of that content.
func content(path, text string) func(*facts.Facts, Policy) {
	return file(path, func(f *facts.File) { f.Exists, f.Content, f.Mode = true, text, 0o644 })
}

// wrongValue has a value now and after a restart.
func wrongValue(key, value string) func(*facts.Facts, Policy) {
	return sysctl(key, facts.Sysctl{Value: value, Origin: sysctlFile, Persistent: value})
}

func kernelMutations() []mutation {
	dump := func(storage string) func(*facts.Facts, Policy) {
		return func(f *facts.Facts, _ Policy) {
			f.Units[coredumpUnit] = facts.Unit{State: "static", Active: "active"}
			f.Files["/etc/systemd/coredump.conf"] = facts.File{Exists: true, Content: "[Coredump]\n#Storage=external\n" + storage}
		}
	}
	return []mutation{
		{"redirects sent", wrongValue("net.ipv4.conf.all.send_redirects", "1"), Fail, []string{"KRN-02"}},
		{"redirects sent from one interface", wrongValue("net.ipv4.conf.eth0.send_redirects", "1"), Fail, []string{"KRN-02"}},
		{"redirects sent to pods", wrongValue("net.ipv4.conf.cni0.send_redirects", "1"), Pass, nil},
		{"an interface that went", sysctl("net.ipv4.conf.eth0.send_redirects", facts.Sysctl{Absent: true}), Pass, nil},
		{"no IPv6", sysctl("net.ipv6.conf.all.accept_redirects", facts.Sysctl{Absent: true}), Pass, nil},
		{"interfaces not listed", func(f *facts.Facts, _ Policy) { delete(f.Sysctls, "net.ipv4.conf.*.send_redirects") }, Unknown, []string{"KRN-02", "KRN-13"}},
		{"source routing", wrongValue("net.ipv4.conf.default.accept_source_route", "1"), Fail, []string{"KRN-03"}},
		{"no source routing at all", wrongValue("net.ipv6.conf.all.accept_source_route", "-1"), Pass, nil},
		{"no reverse path filter", func(f *facts.Facts, p Policy) {
			wrongValue(reversePathAll, "0")(f, p)
			wrongValue("net.ipv4.conf.eth0.rp_filter", "0")(f, p)
		}, Fail, []string{"KRN-04"}},
		{"the interface's own reverse path filter", wrongValue(reversePathAll, "0"), Pass, nil},
		{"no interface", func(f *facts.Facts, _ Policy) { delete(f.Sysctls, "net.ipv4.conf.eth0.rp_filter") }, Unknown, []string{"KRN-04"}},
		{"no cookies", wrongValue("net.ipv4.tcp_syncookies", "0"), Fail, []string{"KRN-05"}},
		{"martians", wrongValue("net.ipv4.conf.all.log_martians", "0"), Fail, []string{"KRN-06"}},
		{"pointers", wrongValue("kernel.kptr_restrict", "0"), Fail, []string{"KRN-07"}},
		{"pointers for root only", wrongValue("kernel.kptr_restrict", "1"), Pass, nil},
		{"ptrace", wrongValue("kernel.yama.ptrace_scope", "0"), Fail, []string{"KRN-08"}},
		{"no BPF", sysctl("net.core.bpf_jit_harden", facts.Sysctl{Absent: true}), Pass, nil},
		{"dumps of setuid programs", wrongValue("fs.suid_dumpable", "2"), Fail, []string{"KRN-09"}},
		{"dumps without a limit", content(limitsFile, "* soft core 0\n"), Fail, []string{"KRN-09"}},
		{"dumps limited elsewhere", content("/etc/security/limits.d/10-own.conf", "*\t- core 0\n"), Pass, nil},
		{"dumps allowed later", content("/etc/security/limits.d/99-own.conf", "* hard core unlimited # mine\n"), Fail, []string{"KRN-09"}},
		{"dumps allowed earlier", content("/etc/security/limits.d/10-own.conf", "* hard core unlimited\n"), Pass, nil},
		{"dumps allowed and forbidden", content("/etc/security/limits.d/99-own.conf", "* hard core 9\n* hard core 0 # none\n"), Pass, nil},
		{"dumps kept", dump(""), Fail, []string{"KRN-09"}},
		{"dumps not kept", dump("Storage = none\n"), Pass, nil},
		{"a module can be loaded", module("sctp", facts.Module{OnDisk: true, Blacklisted: true}), Fail, []string{"KRN-11"}},
		{"a module is loaded", module("udf", facts.Module{Loaded: true, Install: "/bin/false"}), Fail, []string{"KRN-11"}},
		{"a module of K3s blocked", module("vxlan", facts.Module{OnDisk: true, Install: "/bin/false", InstallFile: "/etc/modprobe.d/cis.conf"}), Fail, []string{"KRN-11"}},
		{"a module of K3s loaded all the same", module("vxlan", facts.Module{Loaded: true, OnDisk: true, Install: "/bin/false"}), Pass, nil},
		{"a module of K3s missing", module("br_netfilter", facts.Module{}), Fail, []string{"KRN-11"}},
		{"a module not looked at", func(f *facts.Facts, _ Policy) { delete(f.Modules, "overlay") }, Unknown, []string{"KRN-11"}},
		{"no more modules", sysctl(modulesDisabled, facts.Sysctl{Value: "1"}), Fail, []string{"KRN-11"}},
		{"modules unreadable", sysctl(modulesDisabled, facts.Sysctl{}), Unknown, []string{"KRN-11"}},
		{"the magic key", wrongValue("kernel.sysrq", "438"), Fail, []string{"KRN-12"}},
		{"no AppArmor", content(appArmorFile, "N\n"), Fail, []string{"KRN-12"}},
		{"no kexec", sysctl("kernel.kexec_load_disabled", facts.Sysctl{Absent: true}), Pass, nil},
		{"changed since the start", sysctl("net.ipv4.tcp_syncookies", facts.Sysctl{Value: "1", Origin: sysctlFile, Persistent: "2"}), Fail, []string{"KRN-13"}},
		{"in a container", func(f *facts.Facts, _ Policy) {
			for _, s := range slices.Concat(hostSettings(), clusterSettings()) {
				f.Sysctls[s.key] = facts.Sysctl{Value: "7", ReadOnly: true}
			}
			f.System.Container = "systemd-nspawn"
		}, NotApplicable, []string{"KRN-07", "KRN-08", "KRN-09", "KRN-10", "KRN-11", "KRN-12", "EDG-10", "SVC-05", "LOG-02", "LOG-03", "PKG-03", "FS-03"}},
	}
}

func serviceMutations() []mutation {
	daemon := facts.Unit{State: "enabled", Active: "active"}
	web := facts.Listener{Proto: "tcp", Address: "0.0.0.0", Port: 8080, Process: "python3", PID: 9, Unit: "web.service"}
	quiet := func(f *facts.Facts, _ Policy) { f.Journal.Session[1].Messages = []string{"Connection from 10.0.0.5"} }
	return []mutation{
		{"a stranger listens", listener(web), Fail, []string{"SVC-01"}},
		{"K3s listens", listener(facts.Listener{Proto: "tcp", Address: "::", Port: portAPI, Process: "k3s-server", PID: 9, Unit: "k3s.service"}), Pass, nil},
		{"etcd listens", listener(facts.Listener{Proto: "tcp", Address: "10.0.0.11", Port: portEtcd, Process: "k3s-server", PID: 9, Unit: "k3s.service"}), Pass, nil},
		{"another etcd listens", listener(facts.Listener{Proto: "tcp", Address: "10.0.0.11", Port: portEtcd, Process: "etcd", PID: 9, Unit: "etcd.service"}), Fail, []string{"SVC-01"}},
		{"the kernel listens", listener(facts.Listener{Proto: "udp", Address: "0.0.0.0", Port: portVXLAN}), Pass, nil},
		{"no DHCP client", listener(facts.Listener{Proto: "udp", Address: "0.0.0.0", Port: 68, Process: "nc", PID: 9}), Fail, []string{"SVC-01"}},
		{"on loopback", listener(facts.Listener{Proto: "tcp", Address: "::1", Port: 8080, Process: "python3", PID: 9}), Pass, nil},
		{"nobody listens", func(f *facts.Facts, _ Policy) { f.Listeners = []facts.Listener{} }, Unknown, []string{"FW-16", "SVC-01", "SVC-03", "SSH-17", "K3S-08"}},
		{"mail for everybody", listener(facts.Listener{Proto: "tcp", Address: "::", Port: 25, Process: "exim4", PID: 9, Unit: "exim4.service"}), Fail, []string{"SVC-01", "SVC-03"}},
		{"docker", unit("docker.service", facts.Unit{State: "disabled", Active: "active"}), Fail, []string{"SVC-04"}},
		{"docker by socket", unit("docker.socket", facts.Unit{State: "enabled", Active: "inactive"}), Fail, []string{"SVC-04"}},
		{"no guest agent", unit(guestAgent, facts.Unit{State: "static", Active: "inactive"}), Fail, []string{"SVC-05"}},
		{"a failed unit", func(f *facts.Facts, _ Policy) { f.FailedUnits = []string{"x.service"} }, Fail, []string{"SVC-06"}},
		{"a debug shell", unit(debugShell, facts.Unit{State: "enabled", Active: "inactive"}), Fail, []string{"SVC-06"}},
		{"Ctrl-Alt-Del", unit(ctrlAltDel, facts.Unit{State: "disabled", Active: "inactive"}), Fail, []string{"SVC-06"}},
		{"failed units not asked for", func(f *facts.Facts, _ Policy) { f.FailedUnits = nil }, Unknown, []string{"SVC-06"}},
		{"a journal in memory", func(f *facts.Facts, _ Policy) { f.Journal.Kept = false }, Fail, []string{"LOG-01"}},
		{"a journal without bounds", content(journaldDropIn, "[Journal]\nStorage=persistent\n"), Fail, []string{"LOG-01"}},
		{"a journal turned off later", content("/run/systemd/journald.conf.d/z.conf", "[Journal]\nStorage=volatile\n"), Fail, []string{"LOG-01"}},
		{"a hidden file of the journal", func(f *facts.Facts, p Policy) {
			content("/run/systemd/journald.conf.d/k3sedge.conf", "[Journal]\nStorage=volatile\n")(f, p)
		}, Pass, nil},
		{"a bounded journal of somebody else", func(f *facts.Facts, p Policy) {
			f.Files[journaldDropIn] = facts.File{}
			content("/etc/systemd/journald.conf", "[Journal]\nSystemMaxUse=2G\n")(f, p)
		}, Pass, nil},
		{"no journal looked at", func(f *facts.Facts, _ Policy) { f.Journal = nil }, Unknown, []string{"LOG-01", "LOG-05"}},
		{"two daemons of time", unit("chrony.service", daemon), Fail, []string{"LOG-02"}},
		{"no time", func(f *facts.Facts, _ Policy) { f.Clock.Synchronized = false }, Fail, []string{"LOG-02"}},
		{"no clock looked at", func(f *facts.Facts, _ Policy) { f.Clock = nil }, Unknown, []string{"LOG-02"}},
		{"no auditd", unit(auditUnit, facts.Unit{State: facts.UnitNotFound, Active: "inactive"}), Fail, []string{"LOG-03"}},
		{"auditd watches nothing", content(auditFile, "-D\n-w\n"), Fail, []string{"LOG-03"}},
		{"a rule that is only a comment", auditRule("-w /etc/passwd", "# -w /etc/passwd"), Fail, []string{"LOG-03"}},
		{"a rule that records reads", auditRule("-w /etc/passwd -p wa", "-w /etc/passwd -p r"), Fail, []string{"LOG-03"}},
		{"a rule that records more", auditRule("-w /etc/passwd -p wa", "-w /etc/passwd -p rwxa"), Pass, nil},
		{"a rule that records everything", auditRule("-w /etc/passwd -p wa", "-w /etc/passwd"), Pass, nil},
		{"auditd halts", content(auditConf, "disk_full_action = HALT\n"), Fail, []string{"LOG-03"}},
		{"logins for all to read", stat("/var/log/auth.log", func(s *facts.Stat) { s.Mode = 0o644 }), Fail, []string{"LOG-04"}},
		{"no auth.log", stat("/var/log/auth.log", func(s *facts.Stat) { s.Kind = facts.KindAbsent }), Pass, nil},
		{"logs not listed", func(f *facts.Facts, _ Policy) { delete(f.Stats, "/var/log/auth.log*") }, Unknown, []string{"LOG-04"}},
		{"a login without a trace", quiet, Fail, []string{"LOG-05"}},
		{"sudo without a trace", func(f *facts.Facts, _ Policy) { f.Journal.Session[2].Messages = nil }, Fail, []string{"LOG-05"}},
	}
}

// auditRule changes one of our rules of auditd.
func auditRule(before, after string) func(*facts.Facts, Policy) {
	return func(f *facts.Facts, p Policy) {
		content(auditFile, strings.Replace(auditText(p), before, after, 1))(f, p)
	}
}

func TestTheKernelsFilesWithAndWithoutK3s(t *testing.T) {
	t.Parallel()
	p := testPolicy(t)
	golden(t, "99-z-k3sedge.conf", sysctlText(&facts.Facts{}, p))
	p.Cluster = nil
	golden(t, "99-z-k3sedge-machine.conf", sysctlText(&facts.Facts{}, p))
	golden(t, "modprobe.conf", modprobeText())
	golden(t, "journald.conf", journaldText)
	golden(t, "coredump.conf", coredumpText)
	golden(t, "limits.conf", limitsText)
	golden(t, "resolved.conf", resolvedText)
	golden(t, "audit.rules", auditText(testPolicy(t)))
	if text := auditText(p); strings.Contains(text, "rancher") || !strings.Contains(text, "/etc/passwd") {
		t.Errorf("a machine without K3s: %s", text)
	}
}

// A waived control has no line; one that is not selected keeps the one it has.
func TestLinesOfTheSysctlFile(t *testing.T) {
	t.Parallel()
	p := testPolicy(t)
	p.Waivers = map[string]Waiver{"KRN-06": {Reason: "noise"}}
	p.Selection = Selection{Skip: []string{"KRN-05", "KRN-07"}}
	f := &facts.Facts{Files: map[string]facts.File{sysctlFile: {Exists: true, Content: "kernel.dmesg_restrict = 1\n"}}}
	text := sysctlText(f, p)
	for part, want := range map[string]bool{"log_martians": false, "tcp_syncookies": false, "dmesg_restrict": true, "kptr_restrict": false, "ip_forward": true} {
		if strings.Contains(text, part) != want {
			t.Errorf("%s: want %t in\n%s", part, want, text)
		}
	}
}

// What the file will set at the next start holds at once, so that a second
// look finds nothing to do.
func TestTheFileAndTheKernelAgree(t *testing.T) {
	t.Parallel()
	p := testPolicy(t)
	f := hardened(t, p)
	f.Files[sysctlFile] = facts.File{}
	lax := facts.Sysctl{Value: "1", Origin: "/etc/sysctl.d/10-own.conf", Persistent: "1"}
	f.Sysctls["kernel.kptr_restrict"] = lax
	f.Sysctls["net.ipv4.tcp_rfc1337"] = facts.Sysctl{Value: "0"}
	tx := PlanFor(f, p).Transaction
	if tx.Sysctls["kernel.kptr_restrict"] != "2" || tx.Sysctls["net.ipv4.tcp_rfc1337"] != "1" || len(tx.Sysctls) != 2 {
		t.Errorf("sysctls %v", tx.Sysctls)
	}
}

func TestSettingsThatAnotherFileOverrules(t *testing.T) {
	t.Parallel()
	p := testPolicy(t)
	f := hardened(t, p)
	f.Sysctls["net.ipv4.conf.eth0.send_redirects"] = facts.Sysctl{Value: "0", Origin: "/etc/sysctl.d/10-own.conf", Persistent: "1"}
	plan := PlanFor(f, p)
	if !plan.Empty() || len(plan.Blocked) != 1 || !strings.Contains(plan.Blocked[0], "10-own.conf") {
		t.Errorf("plan %+v", plan)
	}
}

func TestWhatTheModulesNeed(t *testing.T) {
	t.Parallel()
	p := testPolicy(t)
	f := hardened(t, p)
	f.Files[modprobeFile] = facts.File{}
	f.Modules["sctp"] = facts.Module{OnDisk: true, Install: "/sbin/modprobe -i sctp", InstallFile: "/etc/modprobe.d/a.conf"}
	f.Modules["udf"] = facts.Module{Loaded: true, OnDisk: true}
	f.Modules["vxlan"] = facts.Module{OnDisk: true, Install: "/bin/true", InstallFile: "/etc/modprobe.d/cis.conf"}
	f.Modules["overlay"] = facts.Module{}
	f.Sysctls[modulesDisabled] = facts.Sysctl{Value: "1"}
	plan := PlanFor(f, p)
	if got, ok := change(plan.Transaction, modprobeFile); !ok || got.Content != modprobeText() {
		t.Errorf("transaction %+v", plan.Transaction)
	}
	text := strings.Join(plan.Blocked, "\n")
	for _, part := range []string{"a.conf", "cis.conf", "no module overlay", modulesDisabled} {
		if !strings.Contains(text, part) {
			t.Errorf("%s is not in\n%s", part, text)
		}
	}
}

func FuzzSystemdSetting(f *testing.F) {
	f.Add("[Journal]\nStorage=none\n", "#x\nStorage = y\n")
	f.Fuzz(func(t *testing.T, first, second string) {
		doc := &facts.Facts{Files: map[string]facts.File{
			"/etc/systemd/x.conf": {Content: first}, "/usr/lib/systemd/x.conf.d/a.conf": {Content: second},
		}}
		if value, file := systemdSetting(doc, "x", "Storage"); file == "" && value != "" || strings.Contains(value, "\n") {
			t.Errorf("%q from %q", value, file)
		}
	})
}

// A key that this kernel does not have, such as one of the machine below a
// container, is not set, although a file names it: the agent would refuse all.
func TestAKeyThatTheKernelLacksIsNotSet(t *testing.T) {
	t.Parallel()
	p := testPolicy(t)
	f := clone(t, hardened(t, p))
	f.Sysctls["net.core.bpf_jit_harden"] = facts.Sysctl{Absent: true, Origin: sysctlFile, Persistent: "2"}
	f.Sysctls["net.ipv4.tcp_syncookies"] = facts.Sysctl{Value: "0", Origin: sysctlFile, Persistent: "1"}
	set := PlanFor(f, p).Transaction.Sysctls
	if _, has := set["net.core.bpf_jit_harden"]; has || set["net.ipv4.tcp_syncookies"] != "1" {
		t.Errorf("set: %v", set)
	}
}

func TestNoFileOfDebiansOverrulesOurs(t *testing.T) {
	t.Parallel()
	for _, other := range []string{"99-protect-links.conf", "99-sysctl.conf"} {
		if path.Base(sysctlFile) <= other {
			t.Errorf("%s is read before %s, which then counts", sysctlFile, other)
		}
	}
}
