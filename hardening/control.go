package hardening

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// Status is what a control says about a host.
type Status string

// The answers. Unknown is what could not be looked at: it is never a pass.
// Waived is what does not hold, or could not be looked at, and is accepted for
// a time by somebody who has said why.
const (
	Pass          Status = "pass"
	Fail          Status = "fail"
	Unknown       Status = "unknown"
	NotApplicable Status = "not applicable"
	Waived        Status = "waived"
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

// Severities are ordered from the worst to the least.
func Severities() []Severity { return []Severity{Critical, High, Medium, Low} }

// AtLeast reports whether s is as bad as other, or worse.
func (s Severity) AtLeast(other Severity) bool {
	return slices.Index(Severities(), s) <= slices.Index(Severities(), other)
}

// ParseSeverity reads a severity as a flag gives it.
func ParseSeverity(s string) (Severity, error) {
	if !slices.Contains(Severities(), Severity(s)) {
		return "", fmt.Errorf("severity %q: not one of %v", s, Severities())
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
	// Attrs are owners and modes of what keeps its content.
	Attrs   []facts.AttrChange
	Sysctls map[string]string
	Units   []facts.UnitChange
	// Wait asks for time to pass instead of a change: the host is about to
	// go back to its old state by itself.
	Wait bool
	// Blocked says what the user has to do, where k3sedge will not, before
	// the node is what was promised: a run ends with an error that names it.
	Blocked []string
	// Advice is left to the user too, but no reason for a run to fail.
	Advice []string
}

// Empty reports whether the transaction gets nothing from m.
func (m Mend) Empty() bool {
	return len(m.Files) == 0 && len(m.Attrs) == 0 && !m.Ruleset && len(m.Sysctls) == 0 && len(m.Units) == 0
}

// silent reports whether m says nothing at all.
func (m Mend) silent() bool {
	return m.Empty() && !m.Wait && len(m.Blocked) == 0 && len(m.Advice) == 0
}

// Control is one thing that shall hold on every node.
type Control struct {
	ID, Title string
	Severity  Severity
	Why       string   // what goes wrong without it
	Want      string   // the desired state in plain words; a verdict may say it more exactly
	Refs      []string // the same demand in other catalogues
	// Conflict says where benchmarks contradict one another or K3s here, and
	// which side is taken; "" where they agree.
	Conflict string
	// Strict controls belong to the profile of that name only.
	Strict bool
	// Needs are the parts without which the answer is unknown. Files, Sysctls,
	// Units and Packages are asked of the agent; unknown where it did not
	// answer (of Packages every part is there or none).
	Needs                           []Part
	Files, Sysctls, Units, Packages []string
	// Stats are paths, and patterns as in Files, of which the owner and the mode alone are asked.
	Stats []string
	// Applies is nil where the control applies to every host; otherwise it
	// says whether it does, and why not. When says the same in words.
	Applies func(f *facts.Facts, p Policy) (bool, string)
	When    string
	Check   func(f *facts.Facts, p Policy) Verdict
	// Mend is nil where k3sedge only reports; Advice then says what to do.
	Mend   func(f *facts.Facts, p Policy) Mend
	Advice string
}

// Controls is the whole catalogue.
func Controls() []Control {
	all := slices.Concat(
		sshControls(),
		firewallControls(),
		clusterControls(),
		kernelControls(),
		serviceControls(),
		filesystemControls(),
		accountControls(),
		packageControls(),
		deepControls(),
		k3sControls(),
		edgeControls(),
		loggingControls(),
	)
	slices.SortStableFunc(all, func(a, b Control) int {
		return cmp.Or(cmp.Compare(groupOrder(a.ID), groupOrder(b.ID)), strings.Compare(a.ID, b.ID))
	})
	return all
}

// Groups are the catalogue's subjects by the prefix of their controls' IDs, in its order.
func Groups() []string {
	return []string{"SSH", "FW", "KRN", "SVC", "ACC", "PKG", "FS", "LOG", "K3S", "EDG"}
}

func groupOrder(id string) int {
	group, _, _ := strings.Cut(id, "-")
	if i := slices.Index(Groups(), group); i >= 0 {
		return i
	}
	return len(Groups())
}

// judge answers for one host. What the control needs and the facts lack makes
// it unknown before Check is asked.
func (c Control) judge(f *facts.Facts, p Policy) Verdict {
	if c.Strict && p.Profile != Strict {
		return Verdict{Status: NotApplicable, Evidence: []string{"only in profile strict"}}
	}
	if c.ofCluster() && p.Cluster == nil {
		_, why := onCluster(f, p)
		return Verdict{Status: NotApplicable, Evidence: []string{why}}
	}
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
	v.Want = cmp.Or(v.Want, c.Want)
	return v
}
