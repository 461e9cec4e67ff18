package firewall

import (
	"errors"
	"fmt"
	"slices"
)

// ErrNoRoute says that the host drops a packet because it knows no way for it.
var ErrNoRoute = errors.New("no route")

func newRun(j *Judge, p Packet, answers []answer, steps *int) *run {
	r := &run{judge: j, answers: answers, settled: map[string]bool{}, steps: steps}
	r.view = view{Packet: p, routes: j.routes, tracked: p.Iif == "lo" && !p.FromHost}
	if j.lone == nil {
		// No other table marks it, and a new connection has no mark either.
		r.view.mark = exact32(0)
		if p.CTState == "" || p.CTState == CTNew {
			r.view.connMark = exact32(0)
		}
	}
	return r
}

// walk takes the packet from hook to hook until a chain drops it.
func (r *run) walk() Decision {
	four := r.view.Src.Is4()
	if chain := r.judge.strange(four); chain != nil {
		return unknown("chain %s stands at hook %s, which is not modelled", chain.Name, chain.Hook)
	}
	for hook := r.first(); hook != ""; hook = r.next(hook) {
		end := r.hook(hook)
		switch {
		case end.flow == lost:
			return end.decision(Unknown)
		case end.flow == drop && r.judge.legacy[familyName(four)+" nat"] && hook != "prerouting":
			return unknown("iptables-legacy has a table nat, which may send the packet elsewhere")
		case end.flow == drop:
			return end.decision(Dropped)
		case hook == "prerouting" && r.unroutable():
			return Decision{Verdict: Dropped, Hook: Routing, Rule: -1, Why: fmt.Sprintf("this host knows no way from %s to %s", r.view.Src, r.view.Dst)}
		}
	}
	return r.arrived()
}

func familyName(four bool) string {
	if four {
		return "ip"
	}
	return "ip6"
}

func (r *run) first() string {
	if r.view.FromHost {
		return "output"
	}
	return "ingress"
}

// next is where the packet goes from a hook. What this host sends to itself
// comes in again by lo, where no rule of type nat is asked a second time.
func (r *run) next(hook string) string {
	v := &r.view
	switch hook {
	case "ingress":
		return "prerouting"
	case "prerouting":
		if v.toHost() {
			return "input"
		}
		return "forward"
	case "forward", "output":
		return "postrouting"
	case "postrouting":
		if v.FromHost && v.Local {
			v.FromHost, v.Iif, v.Oif, v.tracked = false, "lo", "", true
			return "ingress"
		}
		return "egress"
	}
	return ""
}

// hook asks the chains of one hook.
func (r *run) hook(hook string) result {
	v := &r.view
	v.hook = hook
	p := plan{hook: hook, four: v.Src.Is4()}
	switch hook {
	case "ingress":
		p.link = v.Iif
	case "egress":
		p.link = v.Oif
	}
	for _, s := range r.judge.slots(p) {
		if hook == "prerouting" || hook == "output" {
			v.track(s.priority)
		}
		if end := r.slot(s); end.flow != accept {
			return end
		}
	}
	if hook == "prerouting" || hook == "output" {
		v.track(priorityConntrack + 1)
	}
	return result{flow: accept, rule: -1}
}

// track tells what connection tracking, which stands at a priority of its own,
// has made of the packet when a chain is asked.
func (v *view) track(priority int) {
	if v.Iif == "lo" && !v.FromHost {
		return // it was tracked when it was sent
	}
	v.unsettled = priority == priorityConntrack
	v.tracked = priority > priorityConntrack
}

// slot asks the chains of one priority. Of those of type nat, the first that
// translates the packet is the last that is asked.
func (r *run) slot(s slot) result {
	if s.nat && (!r.view.begins() || r.view.Iif == "lo" && !r.view.FromHost) {
		return result{flow: accept, rule: -1}
	}
	left := slices.Clone(s.chains)
	for len(left) > 0 {
		at := 0
		if s.anyOrder && len(left) > 1 {
			r.doubts(fmt.Sprintf("the order of the chains at priority %d of hook %s", s.priority, r.view.hook))
			at = r.choose(len(left))
		}
		chosen := left[at]
		left = slices.Delete(left, at, at+1)
		r.judged = r.judged || slices.Contains([]string{"input", "forward", "output"}, r.view.hook)
		if end := r.base(chosen); end.flow != accept {
			return end
		}
		if s.nat && r.translated() {
			break
		}
	}
	return result{flow: accept, rule: -1}
}

// translated tells whether the hook's kind of translation is settled already.
func (r *run) translated() bool {
	if r.view.hook == "prerouting" || r.view.hook == "output" {
		return r.view.settledDst
	}
	return r.view.settledSrc
}

// arrived is the end of a packet that no chain has dropped.
func (r *run) arrived() Decision {
	four := r.view.Src.Is4()
	switch {
	case r.judge.lone != nil && !r.judged:
		return unknown("table %s %s has no chain that decides about such packets", r.judge.lone.Family, r.judge.lone.Name)
	case r.judge.bridge != "":
		return unknown("table bridge %s, which filters inside bridges, is not modelled", r.judge.bridge)
	}
	for name := range r.judge.legacy {
		if name == familyName(four)+" filter" || name == familyName(four)+" nat" || name == familyName(four)+" mangle" || name == familyName(four)+" raw" {
			return unknown("iptables-legacy has a table %s, whose rules are not read", name)
		}
	}
	d := Decision{Verdict: Accepted, Rule: -1, Why: "no chain drops it"}
	if end, ok := r.deciding(); ok {
		d = end.decision(Accepted)
	}
	d.To = r.view.destination()
	return d
}

// deciding is the chain to name for an accepted packet: ours or another's
// rule at the hook where filters stand, else the last chain there.
func (r *run) deciding() (result, bool) {
	var best result
	found, rank := false, -1
	for _, end := range r.trail {
		points := 0
		if end.hook == "input" || end.hook == "forward" || end.hook == "output" {
			points += 4
		}
		if end.rule >= 0 {
			points += 2
		}
		if end.table.Name == TableName && end.table.Family == TableFamily {
			points++
		}
		if points > rank || points == rank && (r.judge.lone != nil || points < 4) {
			best, found, rank = end, true, points
		}
	}
	return best, found
}

// set writes a mark. What else rules write decides nothing here.
func (r *run) set(what, value string) {
	v := &r.view
	switch {
	case what == "meta mark" && !v.absent(value):
		v.mark = v.operand(value)
	case what == "ct mark" && v.connected() == maybe:
		v.connMark = bits{}
	case what == "ct mark" && v.connected() == yes:
		v.connMark = v.operand(value)
	}
	clear(r.settled)
}

func (r *run) notrack(at result) result {
	v := &r.view
	switch {
	case v.unsettled:
		return decided(at, lost, fmt.Sprintf("rule %d of chain %s stops the tracking at the priority of the tracking itself", at.rule+1, at.chain))
	case !v.tracked, v.CTState == CTInvalid:
		v.exempt = true
	}
	return at
}
