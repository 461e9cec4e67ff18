package hardening

import (
	"fmt"
	"slices"
	"strings"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// auditd and what it is told to watch.
const (
	auditUnit   = "auditd.service"
	auditConf   = "/etc/audit/auditd.conf"
	auditFile   = "/etc/audit/rules.d/50-k3sedge.rules"
	auditFiles  = "/etc/audit/rules.d/*.rules"
	auditAdvice = "run `apt-get install auditd`"
)

// watched are the files whose change is to be recorded, by the key of their
// rule. The kernel takes no rule for a folder in one that is not there, and
// auditctl ends at the first that it refuses: that of K3s comes last.
func watched(p Policy) [][2]string {
	out := [][2]string{
		{"/etc/passwd", "identity"}, {"/etc/group", "identity"}, {"/etc/shadow", "identity"}, {"/etc/gshadow", "identity"},
		{"/etc/sudoers", "sudoers"}, {"/etc/sudoers.d", "sudoers"},
		{"/etc/ssh/sshd_config", "sshd"}, {"/etc/ssh/sshd_config.d", "sshd"},
	}
	if p.Cluster != nil {
		out = append(out, [2]string{"/etc/rancher/k3s", "k3s"})
	}
	return out
}

func auditControl() Control {
	return Control{
		ID: "LOG-03", Title: "Changes of who may do what are recorded by auditd", Severity: Low, Strict: true,
		Why:      "the journal tells what programs say of themselves; the audit log tells what the kernel saw",
		Want:     "auditd enabled, watching accounts, sudoers, sshd and K3s' configuration, and not halting the node when its disk is full",
		Refs:     []string{"CIS Debian 12 6.2", "dev-sec package-08", "lynis ACCT-9628"},
		Conflict: "CIS level 2 wants the machine to halt when the audit log is full; a node that halts takes its pods with it, so that it must not",
		When:     "profile strict, and " + notInContainer, Applies: ownKernel,
		Needs: []Part{PartUnits, PartFiles, PartSystem}, Units: []string{auditUnit}, Files: []string{auditConf, auditFiles, auditFile},
		Check: checkAudit, Mend: mendAudit,
	}
}

func checkAudit(f *facts.Facts, p Policy) Verdict {
	var wrong []string
	if u := f.Units[auditUnit]; !isEnabled(u) || !isRunning(u) {
		wrong = append(wrong, unitLine(f, auditUnit))
	}
	for _, w := range watched(p) {
		if !watches(f, w[0]) {
			wrong = append(wrong, "/etc/audit/rules.d: no rule for "+w[0])
		}
	}
	for key, value := range assignmentsIn(f.Files[auditConf].Content) {
		if strings.HasPrefix(key, "disk_") && strings.HasSuffix(key, "_action") && strings.EqualFold(value, "halt") {
			wrong = append(wrong, fmt.Sprintf("%s: %s = %s", auditConf, key, value))
		}
	}
	return decide(wrong, fmt.Sprintf("gaps: %d", len(wrong)), "auditd runs, watches all of them and never halts the node")
}

// watches reports whether a rule such as "-w /etc/passwd -p wa -k identity"
// watches a path for writes and changes of its attributes.
func watches(f *facts.Facts, path string) bool {
	for name, file := range f.Files {
		if strings.HasPrefix(name, "/etc/audit/rules.d/") && slices.ContainsFunc(strings.Split(file.Content, "\n"), func(line string) bool { return ruleWatches(line, path) }) {
			return true
		}
	}
	return false
}

func ruleWatches(line, path string) bool {
	words := strings.Fields(line)
	if len(words) < 2 || words[0] != "-w" || strings.TrimSuffix(words[1], "/") != path {
		return false
	}
	i := slices.Index(words, "-p") // without it, everything is recorded
	return i < 0 || i+1 < len(words) && strings.Contains(words[i+1], "w") && strings.Contains(words[i+1], "a")
}

func mendAudit(f *facts.Facts, p Policy) Mend {
	u := f.Units[auditUnit]
	if u.State == facts.UnitNotFound {
		return Mend{Advice: []string{auditAdvice}}
	}
	var m Mend
	if differs(f.Files[auditFile], auditText(p), 0o640) {
		m.Files = []facts.FileChange{{Path: auditFile, Content: auditText(p), Mode: 0o640}}
		m.Advice = append(m.Advice, "run `augenrules --load`, or restart: until then the kernel has the old rules")
	}
	if !isEnabled(u) || !isRunning(u) {
		m.Units = []facts.UnitChange{{Name: auditUnit, Action: "start"}}
	}
	for key, value := range assignmentsIn(f.Files[auditConf].Content) {
		if strings.HasPrefix(key, "disk_") && strings.EqualFold(value, "halt") {
			m.Blocked = append(m.Blocked, fmt.Sprintf("set %s to SYSLOG in %s: a full disk would halt the node", key, auditConf))
		}
	}
	return m
}

func auditText(p Policy) string {
	var b strings.Builder
	b.WriteString("# Written by k3sedge (LOG-03); edits are lost at its next run.\n")
	for _, w := range watched(p) {
		fmt.Fprintf(&b, "-w %s -p wa -k %s\n", w[0], w[1])
	}
	return b.String()
}
