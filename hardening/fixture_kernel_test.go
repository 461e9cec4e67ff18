package hardening

import (
	"strings"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// addKernelFacts makes the kernel, the services and the logs of a machine of
// its own, with systemd's settings below ours.
func addKernelFacts(f *facts.Facts, p Policy) {
	f.System.Container = "none"
	for _, s := range sysctlSettings() {
		is := facts.Sysctl{Value: s.want, Origin: sysctlFile, Persistent: s.want}
		f.Sysctls[s.key] = is
		if before, after, pattern := strings.Cut(s.key, ".*."); pattern {
			f.Sysctls[s.key] = facts.Sysctl{}
			f.Sysctls[before+".eth0."+after] = is
			f.Sysctls[before+".cni0."+after] = facts.Sysctl{Value: "1"} // K3s' own
		}
	}
	f.Sysctls[reversePathEvery] = facts.Sysctl{}
	f.Sysctls["net.ipv4.conf.eth0.rp_filter"] = facts.Sysctl{Value: "2", Origin: "/usr/lib/sysctl.d/50-default.conf", Persistent: "2"}
	f.Sysctls[modulesDisabled] = facts.Sysctl{Value: "0"}
	f.Files[sysctlFile] = facts.File{Exists: true, Content: sysctlText(f, p), Mode: 0o644}
	f.Files[modprobeFile] = facts.File{Exists: true, Content: modprobeText(), Mode: 0o644}
	f.Files[limitsFile] = facts.File{Exists: true, Content: limitsText, Mode: 0o644}
	f.Files[appArmorFile] = facts.File{Exists: true, Content: "Y\n", Mode: 0o400}
	f.Modules = map[string]facts.Module{}
	for _, name := range unusedModules() {
		f.Modules[name] = facts.Module{OnDisk: true, Install: "/bin/false", InstallFile: modprobeFile, Blacklisted: true}
	}
	f.Modules["cramfs"] = facts.Module{} // Debian's cloud kernel has none
	for _, name := range neededModules() {
		f.Modules[name] = facts.Module{OnDisk: true}
	}
	f.Modules["overlay"] = facts.Module{BuiltIn: true}
	addServiceFacts(f, p)
	for _, path := range p.request().Files {
		if _, known := f.Files[path]; !known {
			f.Files[path] = facts.File{}
		}
	}
}

func addServiceFacts(f *facts.Facts, p Policy) {
	f.Units[guestAgent] = facts.Unit{State: "static", Active: "active"}
	f.Units[debugShell] = facts.Unit{State: "disabled", Active: "inactive"}
	f.Units[ctrlAltDel] = facts.Unit{State: "masked", Active: "inactive"}
	f.Units[timeDaemons()[0]] = facts.Unit{State: "enabled", Active: "active"}
	f.Units[auditUnit] = facts.Unit{State: "enabled", Active: "active"}
	f.FailedUnits = []string{}
	f.Listeners = []facts.Listener{
		{Proto: "tcp", Address: "0.0.0.0", Port: 22, Process: "sshd", PID: 600, Unit: "ssh.service"},
		{Proto: "tcp", Address: "::", Port: 22, Process: "sshd", PID: 600, Unit: "ssh.service"},
		{Proto: "tcp", Address: "127.0.0.1", Port: 25, Process: "exim4", PID: 700, Unit: "exim4.service"},
		{Proto: "udp", Address: "10.0.0.11", Port: 68, Process: "systemd-network", PID: 300, Unit: "systemd-networkd.service"},
	}
	f.Files[journaldDropIn] = facts.File{Exists: true, Content: journaldText, Mode: 0o644}
	f.Files[auditFile] = facts.File{Exists: true, Content: auditText(p), Mode: 0o640}
	f.Files[auditConf] = facts.File{Exists: true, Content: "# auditd\ndisk_full_action = SUSPEND\n", Mode: 0o640}
	if f.Stats == nil {
		f.Stats = map[string]facts.Stat{}
	}
	for _, r := range loginLogs() {
		f.Stats[r.path] = facts.Stat{Kind: facts.KindListed}
	}
	f.Stats["/var/log/audit"] = facts.Stat{Kind: facts.KindFolder, Mode: 0o750, GID: 4}
	f.Stats["/var/log/auth.log"] = facts.Stat{Kind: facts.KindFile, Mode: 0o640, GID: 4}
	f.Stats["/var/log/btmp"] = facts.Stat{Kind: facts.KindFile, Mode: 0o660, GID: 43}
	f.Clock = &facts.Clock{Synchronized: true, MaxError: 2000}
	f.Journal = &facts.Journal{Kept: true, Session: []facts.Record{
		{Program: "sshd", PID: 600, Messages: []string{}},
		{Program: "sshd", PID: 900, Messages: []string{"Accepted publickey for admin from 10.0.0.5 port 40000 ssh2"}},
		{Program: "sudo", PID: 902, Messages: []string{"admin : USER=root ; COMMAND=/agent facts"}},
	}}
}

// makeKernelStock makes them as Debian's cloud image has them.
func makeKernelStock(f *facts.Facts) {
	for key, is := range f.Sysctls {
		if key != bridgeFilter && is.Value != "" {
			f.Sysctls[key] = facts.Sysctl{Value: "0"}
		}
	}
	f.Sysctls["net.ipv4.conf.eth0.rp_filter"] = facts.Sysctl{Value: "2", Origin: "/usr/lib/sysctl.d/50-default.conf", Persistent: "2"}
	for _, name := range []string{sysctlFile, modprobeFile, limitsFile, journaldDropIn, auditFile, auditConf} {
		f.Files[name] = facts.File{}
	}
	for _, name := range unusedModules() {
		f.Modules[name] = facts.Module{OnDisk: true}
	}
	f.Units[ctrlAltDel] = facts.Unit{State: "disabled", Active: "inactive"}
	f.Units[auditUnit] = facts.Unit{State: facts.UnitNotFound, Active: "inactive"}
	f.Listeners = append(f.Listeners, facts.Listener{Proto: "udp", Address: "0.0.0.0", Port: 5355, Process: "systemd-resolve", PID: 400, Unit: resolvedUnit})
}
