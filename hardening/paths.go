package hardening

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/k3sedge/k3sedge/hardening/facts"
	"github.com/k3sedge/k3sedge/hardening/firewall"
)

// where keeps the paths that a control judges.
type where func(Path) bool

// of are the paths that a control demands by itself.
func of(control string) where { return func(p Path) bool { return p.Control == control } }

func shut(p Path) bool { return p.Want == firewall.Dropped }

func open(p Path) bool { return p.Want == firewall.Accepted }

func overIPv6(p Path) bool { return p.Packet.Src.Is6() }

func (p Policy) paths(keep where) []Path {
	return slices.DeleteFunc(p.Matrix(), func(path Path) bool { return !keep(path) })
}

// doubted are the packets of the open paths, for the agent: what our own table
// drops is dropped, but what it accepts another table may still drop. The
// host knows by which interface strangers come in and by which pods go out.
func (p Policy) doubted() []firewall.Packet { return Packets(p.paths(open)) }

// judged is what becomes of a packet, and who says so.
type judged struct {
	Path
	firewall.Decision
	foreign bool // another table than ours decides
}

func (j judged) line() string {
	if j.foreign {
		return fmt.Sprintf("%s: %s by table %s: %s", j.Path, j.Verdict, j.Table, cmp.Or(j.Text, j.Why))
	}
	return fmt.Sprintf("%s: %s by %s: %s", j.Path, j.Verdict, j.Chain, j.Why)
}

// judgePaths are the judged paths that are kept. Many controls ask for the same
// packets: they are judged once while a host is (Policy.once).
func judgePaths(f *facts.Facts, p Policy, keep where) []judged {
	if p.judged == nil {
		p = p.once()
	}
	if *p.judged == nil {
		*p.judged = judgeMatrix(f, p.Matrix())
	}
	var out []judged
	for _, j := range *p.judged {
		if keep(j.Path) {
			out = append(out, j)
		}
	}
	return out
}

// once is the policy for all controls of one host as it is now.
func (p Policy) once() Policy {
	p.judged = new([]judged)
	return p
}

// judgeMatrix asks our own table first, and of what it lets in what the agent
// found that all tables together do with it.
func judgeMatrix(f *facts.Facts, matrix []Path) []judged {
	own := f.Firewall.Own.Judge()
	out := make([]judged, 0, len(matrix))
	at := -1 // of the open paths
	for _, path := range matrix {
		j := judged{Path: path, Decision: own.Decide(path.Packet)}
		if open(path) {
			at++
			if j.Verdict == firewall.Accepted {
				j.ask(f.Firewall.Decisions, at)
			}
		}
		out = append(out, j)
	}
	return out
}

// ask takes the agent's answer. Where it gave none, an open path is not known
// to be open; a packet without a way is no table's doing.
func (j *judged) ask(decisions []firewall.Decision, at int) {
	decision := firewall.Decision{Verdict: firewall.Unknown, Table: "of others", Why: "the agent did not judge it"}
	if at < len(decisions) {
		decision = decisions[at]
	}
	switch {
	case decision.Verdict == firewall.Accepted, decision.Table == ownTableName:
	case decision.Hook == firewall.Routing:
		// The matrix has pods and strangers that this host need not know a way to.
	default:
		j.Decision, j.foreign = decision, true
	}
}

// ownTableName is our table as decisions name it.
const ownTableName = firewall.TableFamily + " " + firewall.TableName

// checkPaths asks what becomes of each packet. A table that is not the one we
// rendered and cannot be judged fails: the one we rendered can be.
func checkPaths(keep where, want string) func(*facts.Facts, Policy) Verdict {
	return func(f *facts.Facts, p Policy) Verdict {
		if f.Firewall.Own == nil {
			return decide([]string{"no table inet k3sedge"}, "no table", want)
		}
		var wrong, doubts, others []string
		all := judgePaths(f, p, keep)
		for _, j := range all {
			switch {
			case j.Verdict == j.Want:
			case j.Verdict != firewall.Unknown:
				wrong = append(wrong, j.line())
			case j.foreign:
				others = append(others, j.line())
			default:
				doubts = append(doubts, j.line())
			}
		}
		if len(doubts) > 0 && f.Firewall.Wanted != nil && !asWanted(f) {
			wrong, doubts = append(wrong, doubts...), nil
		}
		switch {
		case len(wrong) > 0:
		case len(doubts) > 0:
			return unknown(append(doubts, others...)...)
		case len(others) > 0:
			// Ours lets in what it shall. What others do with it is told, and
			// holds up nobody.
			return Verdict{Status: Unknown, Severity: Medium, Evidence: others}
		}
		return decide(wrong, fmt.Sprintf("%d of %d packets treated otherwise", len(wrong), len(all)), want)
	}
}

func asWanted(f *facts.Facts) bool {
	equal, _ := firewall.Equal(f.Firewall.Wanted, f.Firewall.Own)
	return equal
}

// mendPaths loads our table; what other tables drop is the user's to open.
func mendPaths(keep where) func(*facts.Facts, Policy) Mend {
	return func(f *facts.Facts, p Policy) Mend {
		m := Mend{Ruleset: !asWanted(f)}
		if f.Firewall.Own == nil {
			return m
		}
		for _, j := range judgePaths(f, p, keep) {
			if j.foreign && j.Verdict == firewall.Dropped && open(j.Path) {
				m.Blocked = append(m.Blocked, fmt.Sprintf("table %s, which is not k3sedge's, drops %s in chain %s: take out `%s`", j.Table, j.Path, j.Chain, cmp.Or(j.Text, j.Why)))
			}
		}
		if !m.Ruleset && len(m.Blocked) == 0 {
			m.Ruleset = true
		}
		return m
	}
}
