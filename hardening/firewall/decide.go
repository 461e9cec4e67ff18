package firewall

import (
	"cmp"
	"fmt"
	"slices"
)

// Verdict is what becomes of a packet, as far as one table decides.
type Verdict string

// The verdicts. Unknown is never a pass, whichever way a control asks.
const (
	Accepted Verdict = "accepted"
	Dropped  Verdict = "dropped"
	Unknown  Verdict = "unknown"
)

// Decision is a verdict and where it comes from.
type Decision struct {
	Verdict Verdict
	Chain   string // that decided
	Rule    int    // its index in Chain.Rules, -1 for the chain's policy or no rule at all
	Text    string // the rule, short
	Why     string
	// Limited says of an accepted packet that a rate limit let it pass:
	// more of its kind are dropped.
	Limited bool
}

func unknown(format string, args ...any) Decision {
	return Decision{Verdict: Unknown, Rule: -1, Why: fmt.Sprintf(format, args...)}
}

const (
	maxRuns  = 512   // of one packet through the table
	maxSteps = 20000 // rules, in all runs together
	maxDepth = 16    // jumps in jumps, as in the kernel
)

// Decide judges what the table does with a packet from outside: through the
// chains of prerouting, then of input if it is for this host, else of forward.
//
// Only this table is asked: another one may still drop what it accepts, but
// none can save what it drops. Where the table has no chain at the last hook,
// nothing is decided, and the verdict is Unknown.
//
// A condition that the packet does not settle, such as a packet mark, is tried
// both ways; if that changes the verdict, it is Unknown. A rate limit lets the
// lone packet pass: if it is accepted then, and dropped beyond the limit, it is
// Accepted and Limited. A limit the other way round is Unknown, because a
// flood gets in.
func (t *Table) Decide(p Packet) Decision {
	if t == nil {
		return unknown("there is no table")
	}
	if t.Dormant {
		return unknown("table %s %s is dormant: the kernel does not ask it", t.Family, t.Name)
	}
	if err := p.check(); err != nil {
		return unknown("%s", err)
	}
	if !t.sees(p) {
		return unknown("table of family %s does not see the packet", t.Family)
	}
	path, err := t.path(p)
	if err != nil {
		return unknown("%s", err)
	}
	steps := 0
	return explore(func(answers []bool) *run {
		r := &run{table: t, packet: p, answers: answers, steps: &steps}
		r.decision = r.walk(path)
		return r
	})
}

func (t *Table) sees(p Packet) bool {
	switch t.Family {
	case "inet":
		return true
	case "ip":
		return p.Src.Is4()
	case "ip6":
		return p.Src.Is6()
	}
	return false
}

// path is the base chains that the packet meets, in order.
func (t *Table) path(p Packet) ([]*Chain, error) {
	hooks := []string{"prerouting", "forward"}
	if p.toHost() {
		hooks = []string{"prerouting", "input"}
	}
	var path []*Chain
	last := 0
	for at, hook := range hooks {
		chains, err := t.chainsAt(hook)
		if err != nil {
			return nil, err
		}
		if at == len(hooks)-1 {
			last = len(chains)
		}
		path = append(path, chains...)
	}
	if last > 0 {
		return path, nil
	}
	// A drop before routing would still count; without one nothing decides.
	return append(path, nil), nil
}

func (t *Table) chainsAt(hook string) ([]*Chain, error) {
	var chains []*Chain
	for i := range t.Chains {
		chain := &t.Chains[i]
		switch chain.Hook {
		case hook:
			chains = append(chains, chain)
		case "", "prerouting", "input", "forward", "output", "postrouting":
		default:
			return nil, fmt.Errorf("chain %s stands at hook %s, which is not modelled", chain.Name, chain.Hook)
		}
	}
	slices.SortStableFunc(chains, func(a, b *Chain) int { return cmp.Compare(a.Priority, b.Priority) })
	return chains, nil
}

// explore runs the packet once for every way in which the open conditions can
// turn out, and sums up.
func explore(through func(answers []bool) *run) Decision {
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

// nextAnswers counts on: the last answer that was the first choice becomes the other one.
func nextAnswers(answers []bool) []bool {
	for i := len(answers) - 1; i >= 0; i-- {
		if answers[i] {
			return append(slices.Clone(answers[:i]), false)
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
