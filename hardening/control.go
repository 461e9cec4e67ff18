package hardening

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// Status is what a control says about a host.
type Status string

// The four answers. Unknown is what could not be looked at: it is never a pass.
const (
	Pass          Status = "pass"
	Fail          Status = "fail"
	Unknown       Status = "unknown"
	NotApplicable Status = "not applicable"
)

// Severity is how much a failing control matters.
type Severity string

// The severities, the worst first.
const (
	Critical Severity = "critical"
	High     Severity = "high"
	Medium   Severity = "medium"
	Low      Severity = "low"
)

// severities are ordered from the worst to the least.
func severities() []Severity { return []Severity{Critical, High, Medium, Low} }

// AtLeast reports whether s is as bad as other, or worse.
func (s Severity) AtLeast(other Severity) bool {
	return slices.Index(severities(), s) <= slices.Index(severities(), other)
}

// ParseSeverity reads a severity as a flag gives it.
func ParseSeverity(s string) (Severity, error) {
	if !slices.Contains(severities(), Severity(s)) {
		return "", fmt.Errorf("severity %q: not one of %v", s, severities())
	}
	return Severity(s), nil
}

// Verdict is a control's answer for one host.
type Verdict struct {
	Status Status
	// Severity overrules the control's own where a failure is milder than the worst case.
	Severity Severity
	// Evidence are the raw lines on which the answer rests.
	Evidence   []string
	Have, Want string
}

func unknown(evidence ...string) Verdict { return Verdict{Status: Unknown, Evidence: evidence} }

// decide passes when nothing is wrong, and otherwise fails with what is.
func decide(wrong []string, have, want string) Verdict {
	if len(wrong) == 0 {
		return Verdict{Status: Pass, Evidence: []string{have}, Have: have, Want: want}
	}
	return Verdict{Status: Fail, Evidence: wrong, Have: have, Want: want}
}

// Mend is what a failing control adds to the host's transaction.
type Mend struct {
	Files   []facts.FileChange
	Ruleset bool // load the wanted firewall and keep it
	Sysctls map[string]string
	Units   []facts.UnitChange
	// Wait asks for time to pass instead of a change: the host is about to
	// go back to its old state by itself.
	Wait bool
	// Blocked says what the user has to do, where k3sedge will not.
	Blocked []string
}

// Empty reports whether the transaction gets nothing from m.
func (m Mend) Empty() bool {
	return len(m.Files) == 0 && !m.Ruleset && len(m.Sysctls) == 0 && len(m.Units) == 0
}

// Part is a part of the facts that a control cannot do without, under its JSON name.
type Part string

// The parts of the facts.
const (
	PartSystem    Part = "system"
	PartSession   Part = "session"
	PartSSHD      Part = "sshd"
	PartLogins    Part = "logins"
	PartFirewall  Part = "firewall"
	PartUnits     Part = "units"
	PartSysctls   Part = "sysctls"
	PartFiles     Part = "files"
	PartListeners Part = "listeners"
	PartPending   Part = "pending"
	PartWire      Part = "wire"
)

// Control is one thing that shall hold on every node.
type Control struct {
	ID, Title string
	Severity  Severity
	Why       string   // what goes wrong without it
	Refs      []string // the same demand in other catalogues
	// Needs are the parts without which the answer is unknown. Files, Sysctls
	// and Units are asked of the agent, and unknown where it did not answer.
	Needs                 []Part
	Files, Sysctls, Units []string
	// Applies is nil where the control applies to every host; otherwise it
	// says whether it does, and why not.
	Applies func(f *facts.Facts, p Policy) (bool, string)
	Check   func(f *facts.Facts, p Policy) Verdict
	Mend    func(f *facts.Facts, p Policy) Mend
}

// Controls is the whole catalogue.
func Controls() []Control {
	rules := append(firewallControls(), clusterControls()...)
	slices.SortFunc(rules, func(a, b Control) int { return strings.Compare(a.ID, b.ID) })
	return slices.Concat(sshControls(), rules, serviceControls(), kernelControls())
}

// judge answers for one host. What the control needs and the facts lack makes
// it unknown before Check is asked.
func (c Control) judge(f *facts.Facts, p Policy) Verdict {
	if gaps := c.gaps(f); len(gaps) > 0 {
		return unknown(gaps...)
	}
	if c.Applies != nil {
		if applies, why := c.Applies(f, p); !applies {
			return Verdict{Status: NotApplicable, Evidence: []string{why}}
		}
	}
	v := c.Check(f, p)
	if v.Status == "" {
		return unknown("the control gave no answer")
	}
	return v
}

// gaps are the reasons for which the control cannot be judged.
func (c Control) gaps(f *facts.Facts) []string {
	var out []string
	for _, part := range c.Needs {
		if gap := partGap(f, part); gap != "" {
			out = append(out, gap)
		}
	}
	if len(out) > 0 {
		return out
	}
	return slices.Concat(
		entryGaps(f, PartFiles, c.Files, f.Files), entryGaps(f, PartSysctls, c.Sysctls, f.Sysctls), entryGaps(f, PartUnits, c.Units, seenUnits(f)))
}

// entryGaps are the entries of a part that were asked for and not answered.
func entryGaps[T any](f *facts.Facts, part Part, asked []string, answered map[string]T) []string {
	var out []string
	for _, entry := range asked {
		if _, ok := answered[entry]; !ok {
			out = append(out, entryGap(f, part, entry))
		}
	}
	return out
}

// seenUnits are the units of which the agent said something: one that is in
// no state at all was not looked at.
func seenUnits(f *facts.Facts) map[string]facts.Unit {
	seen := maps.Clone(f.Units)
	maps.DeleteFunc(seen, func(_ string, u facts.Unit) bool { return u.Active == "" })
	return seen
}

// entryGap says why one entry of a part is missing from it.
func entryGap(f *facts.Facts, part Part, entry string) string {
	name := string(part) + " " + entry
	for _, p := range f.Problems {
		if p.Part == name {
			return p.Part + ": " + p.Error
		}
	}
	return name + ": the agent did not look at it"
}

// partGap says why a part is missing or not to be relied on, or "".
func partGap(f *facts.Facts, part Part) string {
	for _, p := range f.Problems {
		if p.Part == string(part) {
			return p.Part + ": " + p.Error
		}
	}
	seen := map[Part]bool{
		PartSystem:    f.System != nil && f.System.BootID != "",
		PartSession:   f.Session != nil,
		PartSSHD:      f.SSHD != nil,
		PartLogins:    f.Logins != nil,
		PartFirewall:  f.Firewall != nil,
		PartUnits:     len(f.Units) > 0, // systemd without a single unit was not looked at
		PartSysctls:   f.Sysctls != nil,
		PartFiles:     f.Files != nil,
		PartListeners: len(f.Listeners) > 0, // sshd's own is always among them
		PartPending:   true,                 // nil is an answer: nothing waits
		PartWire:      f.Wire != nil,
	}
	if !seen[part] {
		return string(part) + ": the agent did not look at it"
	}
	return ""
}
