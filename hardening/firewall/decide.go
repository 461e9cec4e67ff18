package firewall

import (
	"fmt"
	"net/netip"
	"slices"
)

// Verdict is what becomes of a packet.
type Verdict string

// The verdicts. Unknown is never a pass, whichever way a control asks.
const (
	Accepted Verdict = "accepted"
	Dropped  Verdict = "dropped"
	Unknown  Verdict = "unknown"
)

// Routing is the Hook of a packet that no table drops and the host knows no way for.
const Routing = "routing"

// Decision is a verdict and where it comes from.
type Decision struct {
	Verdict Verdict `json:"verdict"`
	Table   string  `json:"table,omitempty"` // that decided, as "family name"
	Hook    string  `json:"hook,omitempty"`
	Chain   string  `json:"chain,omitempty"`
	Rule    int     `json:"rule"`           // its index in Chain.Rules, -1 for the chain's policy or no rule at all
	Text    string  `json:"text,omitempty"` // the rule, short
	Why     string  `json:"why"`
	// Limited says of an accepted packet that a rate limit let it pass:
	// more of its kind are dropped.
	Limited bool `json:"limited,omitempty"`
	// To is where an accepted packet arrives, if rules sent it elsewhere than it asked for.
	To string `json:"to,omitempty"`
}

func unknown(format string, args ...any) Decision {
	return Decision{Verdict: Unknown, Rule: -1, Why: fmt.Sprintf(format, args...)}
}

const (
	maxRuns  = 512    // of one packet through the rules
	maxSteps = 100000 // rules, in all runs together
	maxDepth = 16     // jumps in jumps, as in the kernel
)

// Decide judges what this table alone does with a packet: through the chains
// of prerouting, then of input if it is for this host, else of forward.
//
// Another table may still drop what this one accepts, but none can save what
// it drops. Where the table has no chain at the last hook, nothing is decided,
// and the verdict is Unknown. Ruleset.Judge asks all tables.
func (t *Table) Decide(p Packet) Decision { return t.Judge().Decide(p) }

// Judge prepares the table for many questions as Decide answers them.
func (t *Table) Judge() *Judge {
	if t == nil {
		t = &Table{Dormant: true, Name: "(none)"}
	}
	j := (&Ruleset{Tables: []*Table{t}}).Judge(nil)
	j.lone = t
	return j
}

// sees tells whether tables of a family are asked about a packet on its way
// through this host.
func sees(family string, four bool) bool {
	switch family {
	case "inet", "netdev":
		return true
	case "ip":
		return four
	case "ip6":
		return !four
	}
	return false
}

// Decide judges what becomes of a packet.
//
// A condition that the packet does not settle, such as the content of an
// ipset, is tried both ways; if that changes the verdict, it is Unknown. A rate
// limit lets the lone packet pass: if it is accepted then, and dropped beyond
// the limit, it is Accepted and Limited. A limit the other way round is
// Unknown, because a flood gets in.
func (j *Judge) Decide(p Packet) Decision {
	if err := p.check(); err != nil {
		return unknown("%s", err)
	}
	if t := j.lone; t != nil && t.Dormant {
		return unknown("table %s %s is dormant: the kernel does not ask it", t.Family, t.Name)
	} else if t != nil && !sees(t.Family, p.Src.Is4()) {
		return unknown("table of family %s does not see the packet", t.Family)
	}
	steps := 0
	return explore(func(answers []answer) *run {
		r := newRun(j, p, answers, &steps)
		r.decision = r.walk()
		return r
	})
}

// answer is the choice that was made where there were several.
type answer struct{ choice, of int }

// explore runs the packet once for every way in which the open conditions can
// turn out, and sums up.
func explore(through func(answers []answer) *run) Decision {
	lone := through(nil)
	all := []*run{lone}
	for answers := nextAnswers(lone.answers); answers != nil; {
		if len(all) >= maxRuns {
			return unknown("too many conditions that the packet does not settle")
		}
		r := through(answers)
		all = append(all, r)
		answers = nextAnswers(r.answers)
	}
	return sumUp(all)
}

// nextAnswers counts on: the last answer that has a choice left takes it.
func nextAnswers(answers []answer) []answer {
	for i := len(answers) - 1; i >= 0; i-- {
		if last := answers[i]; last.choice+1 < last.of {
			return append(slices.Clone(answers[:i]), answer{last.choice + 1, last.of})
		}
	}
	return nil
}

func sumUp(all []*run) Decision {
	lone := all[0].decision
	verdicts := map[Verdict]bool{}
	doubt, limits := "", false
	for _, r := range all {
		if r.decision.Verdict == Unknown {
			return r.decision
		}
		verdicts[r.decision.Verdict] = true
		limits = limits || r.limits
		if doubt == "" {
			doubt = r.doubt
		}
		if r.decision.To != lone.To {
			lone.To = "one of several"
		}
	}
	switch {
	case len(verdicts) == 1:
		return lone
	case doubt != "":
		return unknown("it depends on %s", doubt)
	case lone.Verdict == Accepted && limits:
		lone.Limited = true
		return lone
	}
	return unknown("a rate limit drops the lone packet and lets more of its kind pass")
}

// destination is where the packet has been sent, for people.
func (v *view) destination() string {
	switch {
	case !v.settledDst, !v.toDst && !v.perhaps:
		return ""
	case v.dstLost && v.Local:
		return fmt.Sprintf("this host's port %d", v.DstPort)
	case v.dstLost:
		return "one of several addresses"
	case v.portLost:
		return v.Dst.String() + ", one of several ports"
	}
	return netip.AddrPortFrom(v.Dst, v.DstPort).String()
}
