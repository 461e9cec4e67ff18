package hardening

import "slices"

// Our settings for unattended upgrades, and the package that makes them.
const (
	upgradesFile    = "/etc/apt/apt.conf.d/52k3sedge-unattended"
	upgradesPackage = "unattended-upgrades"
	upgradesText    = `// Written by k3sedge; edits are lost at its next run.
APT::Periodic::Enable "1";
APT::Periodic::Update-Package-Lists "1";
APT::Periodic::Unattended-Upgrade "1";
Unattended-Upgrade::Origins-Pattern {
	"origin=Debian,codename=${distro_codename}-security,label=Debian-Security";
};
Unattended-Upgrade::Automatic-Reboot "false";
// k3sedge changes files that are Debian's, such as /etc/pam.d/su. Without these
// an update that brings a new version of one is held back until somebody is
// asked. With them the file on the node stays as it is, and the update comes.
Dpkg::Options {
	"--force-confdef";
	"--force-confold";
};
`
)

// upgradeTimers start the download and the installation of updates.
func upgradeTimers() []string { return []string{"apt-daily.timer", "apt-daily-upgrade.timer"} }

// verified are the packages whose programs are compared with their checksums:
// the way in, the way to root, and the firewall.
func verified() []string { return []string{"openssh-server", "sudo", "nftables"} }

// packageControls are about what is installed, and where it comes from.
func packageControls() []Control {
	return slices.Concat(updateControls(), originControls())
}

func updateControls() []Control {
	return []Control{
		{
			ID: "PKG-01", Title: "No security update is pending", Severity: High,
			Why:   "a hole is public from the day on which Debian mends it",
			Want:  "nothing that the host's own, current lists of the security archive have newer",
			Refs:  []string{"CIS Debian 12 1.2.2.1", "CIS Debian 13 1.2.2.1", "lynis PKGS-7392"},
			Needs: []Part{PartSystem, PartUpdates}, Check: checkSecurityUpdates,
			Advice: "`apt-get update && apt-get upgrade` on the node; where it says unknown, `apt-get update` alone makes its lists current",
		},
		{
			ID: "PKG-02", Title: "Security updates install themselves, and nothing restarts the node", Severity: High,
			Why:  "updates that wait for somebody are late; a node that restarts by itself takes its services with it, undrained",
			Want: "unattended-upgrades with the security archive, both of apt's timers, no automatic reboot; a changed configuration file holds no update back",
			Refs: []string{"lynis PKGS-7420", "CIS Debian 12 1.2.2.1"},
			Conflict: "Some guides let unattended-upgrades restart the machine at night. A node of a cluster is drained first, so that it only says " +
				"that a restart is owed (PKG-03)",
			Needs: []Part{PartApt, PartPackages, PartUnits, PartFiles}, Packages: []string{upgradesPackage}, Units: upgradeTimers(), Files: []string{upgradesFile},
			Check: checkUpgrades, Mend: mendUpgrades,
		},
		{
			ID: "PKG-03", Title: "No restart is owed", Severity: Medium,
			Why:   "a kernel that is installed and does not run mends nothing",
			Want:  "the newest installed kernel runs, and no package has asked for a restart",
			Refs:  []string{"lynis KRNL-5830", "lynis KRNL-5788"},
			When:  "not in a container, whose kernel is that of its machine",
			Needs: []Part{PartSystem, PartKernels}, Applies: ownKernel, Check: checkReboot,
			Advice: "`kubectl drain NODE --ignore-daemonsets --delete-emptydir-data`, restart the node, `kubectl uncordon NODE`; one node after the other",
		},
	}
}

func originControls() []Control {
	return []Control{
		{
			ID: "PKG-04", Title: "Packages come from signed sources only", Severity: High,
			Why:  "an unsigned source installs whatever somebody on the way puts into it; a key for all sources may sign Debian's too",
			Want: "no trusted=yes and nothing that allows unsigned or weakly signed archives; keys named per source, or Debian's own alone",
			Refs: []string{"CIS Debian 13 1.2.1.1-9", "CIS Debian 12 1.2.1.1"},
			Conflict: "CIS 13 wants Signed-By in every source. Debian 12 installs without: with no key but Debian's own in /etc/apt/trusted.gpg.d " +
				"that says the same, and is taken",
			Needs: []Part{PartApt}, Check: checkSources,
			Advice: "put the archive's key into /etc/apt/keyrings and name it by Signed-By in the source; take trusted=yes and Allow… settings out of /etc/apt",
		},
		{
			ID: "PKG-05", Title: "The releases of Debian and K3s get security updates", Severity: High,
			Why:   "after the end of a release nobody mends its holes",
			Want:  "a release of Debian before the end of its long-term support, a release of Kubernetes before its end of life",
			Refs:  []string{"lynis KRNL-5622", "CIS Debian 12 1.2.2.1", "K3s docs, release channels"},
			Needs: []Part{PartSystem}, Check: checkReleases,
			Advice: "Debian: `apt-get dist-upgrade` to the next release, one node after the other; K3s: raise k3s.version in k3sedge.yaml by one minor release and run `k3sedge up`",
		},
		{
			ID: "PKG-06", Title: "The programs of sshd, sudo and nft are as they were packaged", Severity: Medium,
			Why:  "damage and careless changes show here; who changes the checksums as well is not found",
			Want: "every program of openssh-server, sudo and nftables has the package's checksum",
			Refs: []string{"lynis PKGS-7370", "debsums"},
			Conflict: "debsums compares documents and configuration as well; configuration is there to be changed, and is judged by what it does. " +
				"K3s' own binary is compared with its pinned checksum by `k3sedge up` and `k3sedge up --plan`",
			Needs: []Part{PartIntegrity}, Check: checkPrograms,
			Advice: "`apt-get install --reinstall PACKAGE` from a trusted source; a program that nobody has changed on purpose is a reason to look closer",
		},
	}
}
