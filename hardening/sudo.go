package hardening

import (
	"fmt"
	"slices"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// Our files for sudo. sudo reads its folder in the order of the names.
const (
	sudoDropIn  = "/etc/sudoers.d/k3sedge"
	sudoLog     = "/var/log/sudo.log"
	sudoRotate  = "/etc/logrotate.d/k3sedge-sudo"
	sudoText    = "# Written by k3sedge; edits are lost at its next run.\nDefaults use_pty\nDefaults logfile=\"" + sudoLog + "\"\n"
	rotateText  = "# Written by k3sedge; edits are lost at its next run.\n" + sudoLog + " {\n\tmonthly\n\trotate 12\n\tcompress\n\tmissingok\n\tnotifempty\n\tcreate 0600 root root\n}\n"
	sudoersMode = 0o440
)

func sudoControls() []Control {
	return []Control{{
		ID: "ACC-06", Title: "sudo is valid, leaves a trail, and asks nobody but the admin for no password", Severity: High,
		Why:  "without a terminal of its own a command can take over the admin's; without a log nobody knows who became root; NOPASSWD is root for everybody it names",
		Want: "visudo finds no error; use_pty and a log file for everybody; NOPASSWD and !authenticate for the admin at most",
		Refs: []string{"CIS Debian 12 5.2.2-5", "CIS Debian 13 5.2.2-5", "lynis AUTH-9252"},
		Conflict: "CIS 5.2.4 wants no NOPASSWD at all. The admin logs in by key and has no password that sudo could ask for, " +
			"and k3sedge proves `sudo -n` before it confirms a change: so NOPASSWD is allowed for the admin, and for nobody else",
		Needs: []Part{PartSudo, PartAccounts, PartFiles}, Files: []string{sudoDropIn, sudoRotate},
		Check: checkSudo, Mend: mendSudo,
	}}
}

// sudoFindings are what is wrong: with the settings, which k3sedge mends, and
// with the rules, which are the user's.
type sudoFindings struct{ settings, rules []string }

func checkSudo(f *facts.Facts, p Policy) Verdict {
	s := f.Sudo
	if !s.Installed || len(s.Files) == 0 {
		return unknown("there is no /etc/sudoers")
	}
	if !s.Valid {
		return unknown("visudo: " + s.Invalid)
	}
	found := judgeSudo(f, p)
	wrong := slices.Concat(found.settings, found.rules)
	return decide(wrong, inShort(wrong, fmt.Sprintf("%d files, use_pty, %s", len(s.Files), sudoLogOf(s))), "")
}

func judgeSudo(f *facts.Facts, p Policy) sudoFindings {
	var out sudoFindings
	if line, on := lastDefault(f.Sudo, "use_pty"); !on {
		out.settings = append(out.settings, orNothing(line, "use_pty"))
	}
	if sudoLogOf(f.Sudo) == "" {
		line, _ := lastDefault(f.Sudo, "logfile")
		out.settings = append(out.settings, orNothing(line, "logfile"))
	}
	for _, d := range f.Sudo.Defaults {
		if relaxes(f, p, d) {
			out.rules = append(out.rules, defaultLine(d))
		}
	}
	for _, r := range f.Sudo.Rules {
		if r.NoPassword && !onlyAdmin(f, p, r.Users) {
			out.rules = append(out.rules, fmt.Sprintf("%s:%d: %s", r.File, r.Line, r.Text))
		}
	}
	return out
}

func mendSudo(f *facts.Facts, p Policy) Mend {
	var m Mend
	found := judgeSudo(f, p)
	if len(found.settings) > 0 {
		if differs(f.Files[sudoDropIn], sudoText, sudoersMode) {
			m.Files = append(m.Files, facts.FileChange{Path: sudoDropIn, Content: sudoText, Mode: sudoersMode})
		}
		if differs(f.Files[sudoRotate], rotateText, 0o644) {
			m.Files = append(m.Files, facts.FileChange{Path: sudoRotate, Content: rotateText, Mode: 0o644})
		}
	}
	for _, line := range found.rules {
		m.Blocked = append(m.Blocked, "take this out of sudo's files, with visudo, or name only the admin there: "+line)
	}
	return m
}
