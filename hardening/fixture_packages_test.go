package hardening

import (
	"github.com/k3sedge/k3sedge/hardening/facts"
)

// addPackageFacts are the packages and disks of a node that holds every control.
func addPackageFacts(f *facts.Facts) {
	f.Packages[upgradesPackage] = "2.9.1"
	f.Apt = &facts.Apt{
		Conf: map[string][]string{
			"apt::periodic::update-package-lists": {"1"}, "apt::periodic::unattended-upgrade": {"1"},
			"unattended-upgrade::origins-pattern": {"origin=Debian,codename=${distro_codename},label=Debian", "origin=Debian,codename=${distro_codename}-security,label=Debian-Security"},
			"dpkg::options":                       {"--force-confdef", "--force-confold"},
		},
		Sources: []facts.AptSource{
			{URI: "http://archive.example/debian", Suite: "bookworm", Options: map[string]string{}, File: "/etc/apt/sources.list", Line: 1},
			{URI: "http://archive.example/tools", Suite: "stable", SignedBy: true, Options: map[string]string{"trusted": "no"}, File: "/etc/apt/sources.list.d/tools.sources", Line: 1},
		},
		Keyrings: []string{"/etc/apt/trusted.gpg.d/debian-archive-bookworm-automatic.asc"},
	}
	f.Files[upgradesFile] = facts.File{}
	for _, name := range upgradeTimers() {
		f.Units[name] = facts.Unit{State: "enabled", Active: "active"}
	}
	f.Updates = &facts.Updates{Lists: []facts.UpdateList{{File: "/var/lib/apt/lists/security", Date: 900, ValidUntil: 2000, Packages: 800}}, Pending: []facts.PendingUpdate{}}
	f.Kernels = &facts.Kernels{Running: "6.1.124-1", Newest: "linux-image-6.1.0-30-cloud-amd64", NewestVersion: "6.1.124-1"}
	f.Integrity = map[string]facts.PackageFiles{}
	for _, name := range verified() {
		f.Integrity[name] = facts.PackageFiles{Checked: 4, Changed: []string{}}
	}
	f.Mounts = []facts.Mount{
		{Point: "/", Type: "ext4", Options: []string{"rw", "relatime"}},
		{Point: "/dev", Type: "devtmpfs", Options: []string{"rw", "nosuid"}},
		{Point: "/dev/shm", Type: "tmpfs", Options: []string{"rw", "nosuid", "nodev", "noexec"}},
		{Point: "/tmp", Type: "tmpfs", Options: []string{"rw", "nosuid", "nodev"}},
	}
	f.Deep = &facts.Deep{At: 990, Paths: 30000, Special: []facts.DeepFile{{Path: "/usr/bin/sudo", Mode: 0o4755, Package: "sudo"}}, Open: []facts.DeepFile{}, Unowned: []facts.DeepFile{}}
}

func aptConf(key string, values ...string) func(*facts.Facts, Policy) {
	return func(f *facts.Facts, _ Policy) { f.Apt.Conf[key] = values }
}

func aptSource(change func(*facts.AptSource)) func(*facts.Facts, Policy) {
	return func(f *facts.Facts, _ Policy) { change(&f.Apt.Sources[0]) }
}

func mounted(m facts.Mount) func(*facts.Facts, Policy) {
	return func(f *facts.Facts, _ Policy) { f.Mounts = append(f.Mounts, m) }
}

func packageMutations() []mutation {
	return []mutation{
		{"an update", func(f *facts.Facts, _ Policy) {
			f.Updates.Pending = []facts.PendingUpdate{{Package: "sudo", Installed: "1", Available: "2"}}
		}, Fail, []string{"PKG-01"}},
		{"no lists", func(f *facts.Facts, _ Policy) { f.Updates.Lists = nil }, Unknown, []string{"PKG-01"}},
		{"old lists", func(f *facts.Facts, _ Policy) { f.Updates.Lists[0].ValidUntil = 999 }, Unknown, []string{"PKG-01"}},
		{"lists of no end", func(f *facts.Facts, _ Policy) { f.Updates.Lists[0].ValidUntil = 0 }, Pass, nil},
		{"lists of no date", func(f *facts.Facts, _ Policy) { f.Updates.Lists[0].ValidUntil, f.Updates.Lists[0].Date = 0, -listLife }, Unknown, []string{"PKG-01"}},
		{"empty lists", func(f *facts.Facts, _ Policy) { f.Updates.Lists[0].Packages = 0 }, Unknown, []string{"PKG-01"}},
		{"no upgrades", func(f *facts.Facts, _ Policy) { f.Packages[upgradesPackage] = "" }, Fail, []string{"PKG-02"}},
		{"upgrades off", aptConf("apt::periodic::unattended-upgrade", "1", "0"), Fail, []string{"PKG-02"}},
		{"apt does nothing by itself", aptConf("apt::periodic::enable", "0"), Fail, []string{"PKG-02"}},
		{"no lists are fetched", aptConf("apt::periodic::update-package-lists"), Fail, []string{"PKG-02"}},
		{"no security origin", aptConf("unattended-upgrade::origins-pattern", "origin=x"), Fail, []string{"PKG-02"}},
		{"the older form", func(f *facts.Facts, p Policy) {
			aptConf("unattended-upgrade::origins-pattern")(f, p)
			aptConf("unattended-upgrade::allowed-origins", "${distro_id}:${distro_codename}-security")(f, p)
		}, Pass, nil},
		{"updates held back", aptConf("dpkg::options", "--force-confdef"), Fail, []string{"PKG-02"}},
		{"restarts at night", aptConf("unattended-upgrade::automatic-reboot", "true"), Fail, []string{"PKG-02"}},
		{"a timer is off", unit("apt-daily.timer", facts.Unit{State: "disabled", Active: "inactive"}), Fail, []string{"PKG-02"}},
		{"a timer is masked", unit("apt-daily-upgrade.timer", facts.Unit{State: "masked", Active: "inactive"}), Fail, []string{"PKG-02"}},
		{"a timer that does not run", unit("apt-daily-upgrade.timer", facts.Unit{State: "enabled", Active: "inactive"}), Fail, []string{"PKG-02"}},
		{"apt was not read", func(f *facts.Facts, _ Policy) { f.Apt.Conf = nil }, Unknown, []string{"PKG-02"}},
		{"an older kernel", func(f *facts.Facts, _ Policy) { f.Kernels.Running = "6.1.119-1" }, Fail, []string{"PKG-03"}},
		{"a restart is asked for", func(f *facts.Facts, _ Policy) { f.Kernels.Reboot, f.Kernels.For = true, []string{"libc6"} }, Fail, []string{"PKG-03"}},
		{"a kernel of one's own", func(f *facts.Facts, _ Policy) { f.Kernels.Running = "" }, Unknown, []string{"PKG-03"}},
		{"a source that is trusted", aptSource(func(s *facts.AptSource) { s.Options["trusted"] = "yes" }), Fail, []string{"PKG-04"}},
		{"a source that may be old", aptSource(func(s *facts.AptSource) { s.Options["check-valid-until"] = "no" }), Fail, []string{"PKG-04"}},
		{"unsigned packages", aptConf("apt::get::allowunauthenticated", "true"), Fail, []string{"PKG-04"}},
		{"no certificates", aptConf("acquire::https::verify-peer", "false"), Fail, []string{"PKG-04"}},
		{"a stranger's key", func(f *facts.Facts, _ Policy) {
			f.Apt.Keyrings = append(f.Apt.Keyrings, "/etc/apt/trusted.gpg.d/x.gpg")
		}, Fail, []string{"PKG-04"}},
		{"a stranger's key for nobody", func(f *facts.Facts, _ Policy) {
			f.Apt.Keyrings, f.Apt.Sources[0].SignedBy = []string{"/etc/apt/trusted.gpg"}, true
		}, Pass, nil},
		{"no sources", func(f *facts.Facts, _ Policy) { f.Apt.Sources = nil }, Unknown, []string{"PKG-04"}},
		{"K3s of long ago", func(f *facts.Facts, _ Policy) {
			f.Cluster.Nodes[0].Version = "v1.30.1+k3s1"
		}, Fail, []string{"PKG-05"}},
		{"another program", func(f *facts.Facts, _ Policy) {
			f.Integrity["sudo"] = facts.PackageFiles{Checked: 4, Changed: []string{"/usr/bin/sudo"}}
		}, Fail, []string{"PKG-06"}},
		{"no checksums", func(f *facts.Facts, _ Policy) { f.Integrity["sudo"] = facts.PackageFiles{} }, Unknown, []string{"PKG-06"}},
		{"no nftables", func(f *facts.Facts, _ Policy) { delete(f.Integrity, "nftables") }, Unknown, []string{"PKG-06"}},
	}
}

func diskMutations() []mutation {
	return []mutation{
		{"K3s cannot run", mounted(facts.Mount{Point: "/var", Type: "ext4", Options: []string{"rw", "noexec"}}), Fail, []string{"FS-03"}},
		{"K3s cannot run from its disk", mounted(facts.Mount{Point: "/var/lib/rancher", Type: "xfs", Options: []string{"noexec"}}), Fail, []string{"FS-03"}},
		{"a disk beside it", mounted(facts.Mount{Point: "/var/log", Type: "ext4", Options: []string{"rw", "noexec"}}), Pass, nil},
		{"programs in shared memory", mounted(facts.Mount{Point: "/dev/shm", Type: "tmpfs", Options: []string{"rw", "nosuid", "nodev"}}), Fail, []string{"FS-03"}},
		{"devices in tmp", mounted(facts.Mount{Point: "/tmp", Type: "tmpfs", Options: []string{"rw"}}), Fail, []string{"FS-03"}},
		{"tmp on the root disk", func(f *facts.Facts, _ Policy) { f.Mounts = f.Mounts[:3] }, Fail, []string{"FS-03"}},
		{"nothing is mounted", func(f *facts.Facts, _ Policy) { f.Mounts = f.Mounts[2:] }, Unknown, []string{"FS-03"}},
		{"a program of root's", func(f *facts.Facts, _ Policy) {
			f.Deep.Special = append(f.Deep.Special, facts.DeepFile{Path: "/opt/x", Mode: 0o4755})
		}, Fail, []string{"FS-04"}},
		{"a file for all", func(f *facts.Facts, _ Policy) { f.Deep.Open = []facts.DeepFile{{Path: "/etc/x", Mode: 0o666}} }, Fail, []string{"FS-05"}},
		{"a file of nobody's", func(f *facts.Facts, _ Policy) { f.Deep.Unowned = []facts.DeepFile{{Path: "/opt/x", UID: 1234}} }, Fail, []string{"FS-05"}},
		{"too much to walk", func(f *facts.Facts, _ Policy) { f.Deep.Cut = true }, Unknown, []string{"FS-04", "FS-05"}},
		{"no walk", func(f *facts.Facts, _ Policy) { f.Deep = nil }, Unknown, []string{"FS-04", "FS-05"}},
		{"an empty walk", func(f *facts.Facts, _ Policy) { f.Deep.Paths = 0 }, Unknown, []string{"FS-04", "FS-05"}},
	}
}
