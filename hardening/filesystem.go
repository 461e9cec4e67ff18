package hardening

import (
	"slices"
	"strings"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// shadowGroup is the group that may read password hashes: the same number on every Debian.
const shadowGroup = 42

// grubConfig is written by update-grub, which makes it readable for all.
const grubConfig = "/boot/grub/grub.cfg"

// identityFiles say who is who. A copy that ends in a dash is the last version before.
func identityFiles() []owned {
	shadow := []int{shadowGroup}
	return []owned{
		{path: "/etc/passwd", most: 0o644, needed: true}, {path: "/etc/passwd-", most: 0o644},
		{path: "/etc/group", most: 0o644, needed: true}, {path: "/etc/group-", most: 0o644},
		{path: "/etc/shadow", most: 0o640, groups: shadow, needed: true}, {path: "/etc/shadow-", most: 0o640, groups: shadow},
		{path: "/etc/gshadow", most: 0o640, groups: shadow}, {path: "/etc/gshadow-", most: 0o640, groups: shadow},
		{path: "/etc/shells", most: 0o644}, {path: "/etc/security/opasswd", most: 0o600},
	}
}

// rootsPrograms are the files by which root runs something, and who may.
func rootsPrograms() []owned {
	out := []owned{{path: "/etc/crontab", most: 0o600}}
	for _, period := range []string{"hourly", "daily", "weekly", "monthly", "yearly"} {
		out = append(out, owned{path: "/etc/cron." + period, most: 0o700}, owned{path: "/etc/cron." + period + "/*", most: 0o755})
	}
	return append(out,
		owned{path: "/etc/cron.d", most: 0o700}, owned{path: "/etc/cron.d/*", most: 0o644},
		owned{path: grubConfig, most: 0o600},
		owned{path: "/etc/sudoers", most: 0o440}, owned{path: "/etc/sudoers.d", most: 0o750}, owned{path: "/etc/sudoers.d/*", most: 0o440},
	)
}

func filesystemControls() []Control {
	return []Control{
		{
			ID: "FS-01", Title: "Only root writes who is who, and nobody else reads the password hashes", Severity: High,
			Why:   "who can write these files can be anybody; who can read the hashes can guess passwords at leisure",
			Want:  "passwd and group 0644, shadow and gshadow 0640 for the group shadow, all root's, or tighter",
			Refs:  []string{"CIS Debian 12 7.1.1-8", "CIS Debian 13 7.1.1-8", "dev-sec os-02", "dev-sec os-03"},
			Needs: []Part{PartStats}, Stats: ownedPaths(identityFiles()),
			Check: func(f *facts.Facts, _ Policy) Verdict { return checkOwned(f, identityFiles(), "") },
			Mend:  func(f *facts.Facts, _ Policy) Mend { return mendOwned(f, identityFiles()) },
		},
		{
			ID: "FS-02", Title: "What root runs by itself is writable for root alone", Severity: Medium,
			Why:  "a writable cron job or sudoers file is root for whoever writes it; a readable one tells what to look for",
			Want: "crontab 0600, the folders of cron 0700, sudoers 0440, grub.cfg 0600, all root's",
			Refs: []string{"CIS Debian 12 2.4.1.2-7", "CIS Debian 12 1.4.2", "CIS Debian 13 2.4.1.2-7", "dev-sec os-13"},
			Conflict: "CIS wants grub.cfg closed even where it holds no password, and Debian's update-grub opens it again with every kernel: " +
				"the finding is then of severity low, and the next `k3sedge harden` closes it",
			Needs: []Part{PartStats}, Stats: ownedPaths(rootsPrograms()),
			Check: checkRootsPrograms,
			Mend:  func(f *facts.Facts, _ Policy) Mend { return mendOwned(f, rootsPrograms()) },
		},
		{
			ID: "FS-03", Title: "Mount options keep devices and set-user-ID programs out, and let K3s run", Severity: Medium,
			Why:  "everybody writes to /dev/shm and /tmp; a node whose /var does not let programs run starts no container",
			Want: "/dev/shm nodev,nosuid,noexec; /tmp nodev,nosuid; /var and /var/lib/rancher not noexec",
			Refs: []string{"CIS Debian 12 1.1.2", "CIS Debian 13 1.1.2", "dev-sec os-14", "dev-sec os-15", "lynis FILE-6310"},
			Conflict: "CIS wants noexec on /var and /tmp. K3s unpacks and runs its programs below /var/lib/rancher, and scanners run theirs in /tmp " +
				"(ComplianceAsCode#14767): neither is asked for, and noexec on /var fails. A /tmp on the root disk is of severity low",
			When:  "not in a container, whose mounts are its manager's; that /var lets programs run is asked everywhere",
			Needs: []Part{PartSystem, PartMounts, PartUnits}, Check: checkMounts, Mend: mendMounts,
			Files: []string{mountsFile}, Units: []string{mountsUnit},
		},
	}
}

// checkRootsPrograms is milder where only grub.cfg can be read: Debian puts no
// secret there.
func checkRootsPrograms(f *facts.Facts, _ Policy) Verdict {
	v := checkOwned(f, rootsPrograms(), "")
	serious := slices.ContainsFunc(v.Evidence, func(line string) bool { return !strings.HasPrefix(line, grubConfig+":") })
	if v.Status == Fail && !serious && f.Stats[grubConfig].Mode&0o022 == 0 {
		v.Severity = Low
	}
	return v
}
