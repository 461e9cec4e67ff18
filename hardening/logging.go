package hardening

import (
	"fmt"
	"strings"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

const (
	journaldUnit   = "systemd-journald.service"
	journaldDropIn = "/etc/systemd/journald.conf.d/k3sedge.conf"
	journaldText   = "# Written by k3sedge (LOG-01); edits are lost at its next run.\n[Journal]\nStorage=persistent\nSystemMaxUse=500M\n"
)

func loggingControls() []Control {
	return []Control{
		{
			ID: "LOG-01", Title: "The journal outlives a restart and does not fill the disk", Severity: Medium,
			Why:   "what happened before a crash is in the journal or nowhere; and a full disk takes K3s' database with it",
			Want:  "journald keeps its files in /var/log/journal, with SystemMaxUse set",
			Refs:  []string{"CIS Debian 12 6.1.2.4", "lynis LOGG-2130"},
			Needs: []Part{PartJournal, PartFiles}, Files: append(systemdConfFiles("journald"), journaldDropIn),
			Check: checkJournal, Mend: mendJournal,
		},
		{
			ID: "LOG-02", Title: "The clock is right, and one daemon keeps it", Severity: Medium,
			Why:   "certificates, tokens and etcd go by the time, and two daemons pull it to and fro",
			Want:  "the kernel's clock synchronized, and exactly one daemon of time enabled or running",
			Refs:  []string{"CIS Debian 12 2.3", "lynis TIME-3104"},
			Needs: []Part{PartUnits, PartSystem}, Units: timeDaemons(),
			Applies: ownKernel, When: notInContainer,
			Check: checkClock, Mend: mendClock,
		},
		auditControl(),
		{
			ID: "LOG-04", Title: "Logs of logins are not for everybody's eyes", Severity: Low,
			Why:   "they name users, sources and commands, and a password that was typed as a user's name",
			Want:  "auth.log, sudo.log and btmp closed to others than root and the groups adm and utmp, the audit log too",
			Refs:  []string{"CIS Debian 12 6.1.4.1", "dev-sec os-11"},
			Needs: []Part{PartStats}, Stats: ownedPaths(loginLogs()),
			Check: func(f *facts.Facts, _ Policy) Verdict {
				return checkOwned(f, loginLogs(), "closed to others than root, adm and utmp")
			},
			Mend: func(f *facts.Facts, _ Policy) Mend { return mendOwned(f, loginLogs()) },
		},
		{
			ID: "LOG-05", Title: "Logins and sudo are recorded", Severity: Low,
			Why:    "who came in and became root is the first question after a break-in",
			Want:   "the journal has this very login and its sudo",
			Refs:   []string{"CIS Debian 12 5.2.3", "lynis LOGG-2138"},
			Needs:  []Part{PartJournal, PartSession},
			Check:  checkRecords,
			Advice: "see `systemctl status systemd-journald` and sshd's LogLevel; something on the host throws these messages away",
		},
	}
}

// loginLogs are the logs of who came in. Both groups have the same number on every Debian.
func loginLogs() []owned {
	adm, utmp := []int{4}, []int{43}
	return []owned{
		{path: "/var/log/auth.log*", most: 0o640, groups: adm}, {path: "/var/log/sudo.log*", most: 0o640, groups: adm},
		{path: "/var/log/btmp*", most: 0o660, groups: utmp},
		{path: "/var/log/audit", most: 0o750, groups: adm}, {path: "/var/log/audit/*", most: 0o640, groups: adm},
	}
}

func checkJournal(f *facts.Facts, _ Policy) Verdict {
	var wrong []string
	storage, from := systemdSetting(f, "journald", "Storage")
	if storage != "persistent" && storage != "" && storage != "auto" {
		wrong = append(wrong, confLine("journald", "Storage", storage, from))
	}
	if !f.Journal.Kept {
		wrong = append(wrong, "/var/log/journal: without the journal of this machine")
	}
	most, _ := systemdSetting(f, "journald", "SystemMaxUse")
	if most == "" {
		wrong = append(wrong, confLine("journald", "SystemMaxUse", "", ""))
	}
	return decide(wrong, fmt.Sprintf("kept=%t SystemMaxUse=%s", f.Journal.Kept, most), "persistent, with SystemMaxUse")
}

// mendJournal restarts journald, which keeps what its clients have open.
func mendJournal(f *facts.Facts, _ Policy) Mend {
	if !differs(f.Files[journaldDropIn], journaldText, 0o644) {
		if _, from := systemdSetting(f, "journald", "Storage"); from != journaldDropIn {
			return Mend{Blocked: []string{fmt.Sprintf("take Storage= out of %s: it is read after %s", from, journaldDropIn)}}
		}
	}
	return Mend{
		Files: []facts.FileChange{{Path: journaldDropIn, Content: journaldText, Mode: 0o644}},
		Units: []facts.UnitChange{{Name: journaldUnit, Action: "reload"}},
	}
}

// checkRecords looks for the login that asks, which sshd has logged before it
// let anybody in.
func checkRecords(f *facts.Facts, _ Policy) Verdict {
	var wrong, have []string
	accepted := false
	for _, r := range f.Journal.Session {
		for _, message := range r.Messages {
			accepted = accepted || strings.HasPrefix(message, "Accepted ")
		}
		if r.Program == "sudo" && len(r.Messages) == 0 {
			wrong = append(wrong, fmt.Sprintf("journal: nothing of sudo, process %d", r.PID))
		}
		have = append(have, fmt.Sprintf("%s[%d]: %d", r.Program, r.PID, len(r.Messages)))
	}
	if !accepted {
		wrong = append(wrong, "journal: no `Accepted …` of this login")
	}
	return decide(wrong, "messages: "+strings.Join(have, ", "), "the login and its sudo in the journal")
}
