package hardening

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// The files of core dumps.
const (
	coredumpUnit   = "systemd-coredump.socket"
	coredumpDropIn = "/etc/systemd/coredump.conf.d/k3sedge.conf"
	limitsFile     = "/etc/security/limits.d/90-k3sedge.conf"
	limitsFiles    = "/etc/security/limits.d/*.conf"
	coredumpText   = "# Written by k3sedge (KRN-09); edits are lost at its next run.\n[Coredump]\nStorage=none\nProcessSizeMax=0\n"
	limitsText     = "# Written by k3sedge (KRN-09); edits are lost at its next run.\n* hard core 0\nroot hard core 0\n"
)

func dumpControl() Control {
	c := sysctlControl(Control{
		ID: "KRN-09", Title: "Links, pipes and core dumps give nothing away", Severity: Medium,
		Why:  "a link in /tmp leads a program of root to a file of somebody else's choice, and a core dump holds the keys that the program had in memory",
		Want: "fs.protected_hardlinks and symlinks 1, fifos and regular 2, suid_dumpable 0, and no core dumps kept",
		Refs: []string{"CIS Debian 12 1.5.3", "CIS Debian 13 1.5.1..4", "dev-sec sysctl-31, 34", "lynis KRNL-5820"},
		When: notInContainer, Applies: ownKernel,
		Units: []string{coredumpUnit},
		Needs: []Part{PartUnits},
		Files: append(systemdConfFiles("coredump"), limitsFiles),
	})
	check, mend := c.Check, c.Mend
	c.Check = func(f *facts.Facts, p Policy) Verdict {
		return with(check(f, p), keptDumps(f), "no core dumps kept")
	}
	c.Mend = func(f *facts.Facts, p Policy) Mend {
		m := mend(f, p)
		if len(keptDumps(f)) > 0 {
			m.stopDumps(f)
		}
		return m
	}
	return c
}

// with adds what else is wrong to a verdict that was given.
func with(v Verdict, wrong []string, want string) Verdict {
	if v.Status == Unknown || v.Status == NotApplicable {
		return v
	}
	v.Want += "; " + want
	if len(wrong) == 0 {
		return v
	}
	if v.Status == Pass {
		v.Status, v.Evidence = Fail, nil
	}
	v.Evidence = append(v.Evidence, wrong...)
	v.Have += "; " + strings.Join(wrong, "; ")
	return v
}

// keptDumps says what keeps core dumps: systemd-coredump where it is
// installed, else the limit that programs have.
func keptDumps(f *facts.Facts) []string {
	if f.Units[coredumpUnit].State != facts.UnitNotFound {
		if storage, file := systemdSetting(f, "coredump", "Storage"); storage != "none" {
			return []string{confLine("coredump", "Storage", storage, file)}
		}
		return nil
	}
	switch limit, name := dumpLimit(f); limit {
	case "0":
		return nil
	case "":
		return []string{"/etc/security/limits.d: no `* hard core 0`"}
	default:
		return []string{fmt.Sprintf("%s: `* hard core %s`", name, limit)}
	}
}

// dumpLimit is the limit for everybody, and the file that sets it: the files
// are read in order, and the last line wins.
func dumpLimit(f *facts.Facts) (limit, name string) {
	for _, p := range slices.Sorted(maps.Keys(f.Files)) {
		if !strings.HasPrefix(p, "/etc/security/limits.d/") {
			continue
		}
		for line := range strings.Lines(f.Files[p].Content) {
			if l := limitOfDumps(line); l != "" {
				limit, name = l, p
			}
		}
	}
	return limit, name
}

// limitOfDumps is the limit that a line sets for everybody, or "".
func limitOfDumps(line string) string {
	line, _, _ = strings.Cut(line, "#")
	words := strings.Fields(line)
	if len(words) == 4 && words[0] == "*" && (words[1] == "hard" || words[1] == "-") && words[2] == "core" {
		return words[3]
	}
	return ""
}

func (m *Mend) stopDumps(f *facts.Facts) {
	if f.Units[coredumpUnit].State == facts.UnitNotFound {
		m.limitDumps(f)
		return
	}
	if !differs(f.Files[coredumpDropIn], coredumpText, 0o644) {
		_, file := systemdSetting(f, "coredump", "Storage")
		m.Blocked = append(m.Blocked, fmt.Sprintf("take Storage= out of %s: it is read after %s", file, coredumpDropIn))
		return
	}
	m.Files = append(m.Files, facts.FileChange{Path: coredumpDropIn, Content: coredumpText, Mode: 0o644})
}

func (m *Mend) limitDumps(f *facts.Facts) {
	if _, name := dumpLimit(f); name > limitsFile {
		m.Blocked = append(m.Blocked, fmt.Sprintf("take `* hard core` out of %s: it is read after %s", name, limitsFile))
		return
	}
	m.Files = append(m.Files, facts.FileChange{Path: limitsFile, Content: limitsText, Mode: 0o644})
}
