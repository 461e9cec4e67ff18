package hardening

import (
	"fmt"
	"strconv"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

const (
	umaskFile = "/etc/profile.d/k3sedge.sh"
	umaskText = "# Written by k3sedge; edits are lost at its next run.\numask 027\n"
	suFile    = "/etc/pam.d/su"
	wheelLine = "auth       required   pam_wheel.so use_uid"
	// wantUmask are the rights that a new file has not: the group's to write, and all of the others'.
	wantUmask = 0o027
	homeMost  = 0o750
)

// habitControls are about what people leave behind in daily work.
func habitControls() []Control {
	return []Control{
		{
			ID: "ACC-07", Title: "New files are nobody else's, and su is for the group wheel", Severity: Low,
			Why:  "what an admin writes is not for every account of the node; su asks for a password as often as one likes, and leaves no trail like sudo's",
			Want: "umask 027 for login shells, pam_wheel required for su",
			Refs: []string{"CIS Debian 12 5.4.3.3", "CIS Debian 12 5.2.7", "CIS Debian 13 5.4.3.3", "dev-sec os-05", "lynis AUTH-9328"},
			Conflict: "Benchmarks set UMASK in /etc/login.defs. That file is Debian's: once changed, it no longer gets what a new version of " +
				"its package brings, and without PKG-02's --force-confold the update itself is held back. A file of our own in /etc/profile.d does the same for logins; UMASK 027 in login.defs is as good. " +
				"Debian has no group wheel, so that su is then for root alone: sudo is the way",
			Needs: []Part{PartAccounts, PartFiles}, Files: []string{umaskFile, suFile},
			Check: checkHabits, Mend: mendHabits,
		},
		{
			ID: "ACC-08", Title: "Homes are closed, without files that open them", Severity: Low,
			Why:   ".rhosts and .shosts let others in, .netrc holds passwords in plain text, .forward runs programs; what others can write in a home, its owner runs",
			Want:  "0750 or tighter and the owner's; no .rhosts, .shosts, .netrc, .forward; no hidden file that others write",
			Refs:  []string{"CIS Debian 12 7.2.9-10", "CIS Debian 13 7.2.9-10", "dev-sec os-09", "lynis HOME-9302"},
			Needs: []Part{PartAccounts},
			Check: checkHomes, Mend: mendHomes,
		},
	}
}

func hasUmask(f *facts.Facts) bool {
	umask, err := strconv.ParseUint(f.Accounts.Umask, 8, 32)
	return err == nil && umask&wantUmask == wantUmask || !differs(f.Files[umaskFile], umaskText, 0o644)
}

func checkHabits(f *facts.Facts, _ Policy) Verdict {
	su := f.Files[suFile]
	if !su.Exists {
		return unknown(suFile + " is not there")
	}
	var wrong []string
	if !hasUmask(f) {
		wrong = append(wrong, fmt.Sprintf("/etc/login.defs: UMASK %s, and %s is not as k3sedge writes it", orNothing(f.Accounts.Umask, "nothing"), umaskFile))
	}
	if !closesSu(su.Content) {
		wrong = append(wrong, suFile+": no line requires pam_wheel.so, or one trusts it")
	}
	return decide(wrong, inShort(wrong, "umask 027, su for wheel"), "")
}

// mendHabits changes one line of su's file and leaves the user's others alone.
func mendHabits(f *facts.Facts, _ Policy) Mend {
	var m Mend
	if !hasUmask(f) {
		m.Files = append(m.Files, facts.FileChange{Path: umaskFile, Content: umaskText, Mode: 0o644})
	}
	su := f.Files[suFile]
	if closesSu(su.Content) {
		return m
	}
	content, ok := closedSu(su.Content)
	if !ok {
		m.Advice = append(m.Advice, fmt.Sprintf("put `%s` behind pam_rootok.so in %s, and take lines with `trust` out", wheelLine, suFile))
		return m
	}
	m.Files = append(m.Files, facts.FileChange{Path: suFile, Content: content, Mode: su.Mode&0o644 | 0o400})
	return m
}
