package firewall

import (
	"fmt"
	"slices"
	"strings"
)

// run is one way of a packet through the table.
type run struct {
	table   *Table
	packet  Packet
	answers []bool // to the open conditions so far; true is the first choice
	asked   int
	limits  bool   // a rate limit was among them
	doubt   string // the first one that was not a rate limit
	steps   *int   // rules so far, in all runs

	decision Decision
}

// flow is how a chain or a rule goes on.
type flow int

const (
	next   flow = iota // to the next rule
	leave              // back to where the chain was jumped to from
	accept             // done with this base chain
	drop               // done
	lost               // not modelled
)

// result is a flow and the rule that decided it.
type result struct {
	flow  flow
	chain string
	rule  int
	why   string
}

func (r *run) walk(path []*Chain) Decision {
	var last Decision
	for _, chain := range path {
		if chain == nil {
			return unknown("table %s %s has no chain that decides about such packets", r.table.Family, r.table.Name)
		}
		end := r.chain(chain, 0)
		if end.flow == next || end.flow == leave {
			end = r.policy(chain)
		}
		last = Decision{Chain: end.chain, Rule: end.rule, Why: end.why, Text: r.text(end)}
		switch end.flow {
		case accept:
			last.Verdict = Accepted
		case drop:
			last.Verdict = Dropped
			return last
		default:
			last.Verdict = Unknown
			return last
		}
	}
	return last
}

func (r *run) text(end result) string {
	chain := r.table.chain(end.chain)
	if chain == nil || end.rule < 0 || end.rule >= len(chain.Rules) {
		return ""
	}
	return r.table.Describe(chain.Rules[end.rule])
}

func (r *run) policy(chain *Chain) result {
	end := result{chain: chain.Name, rule: -1, why: "policy " + chain.Policy + " of chain " + chain.Name}
	switch chain.Policy {
	case "accept":
		end.flow = accept
	case "drop":
		end.flow = drop
	default:
		end.flow, end.why = lost, fmt.Sprintf("chain %s has no known policy", chain.Name)
	}
	return end
}

func (r *run) chain(chain *Chain, depth int) result {
	for i, rule := range chain.Rules {
		*r.steps++
		if *r.steps > maxSteps {
			return result{flow: lost, chain: chain.Name, rule: i, why: "there are too many ways through the rules"}
		}
		at := result{chain: chain.Name, rule: i}
		end := r.rule(rule, at, depth)
		if end.flow != next {
			return end
		}
	}
	return result{flow: leave, chain: chain.Name, rule: -1}
}

// rule runs the expressions until one does not match or decides.
func (r *run) rule(rule Rule, at result, depth int) result {
	for i, expr := range rule.Exprs {
		switch expr.Kind {
		case "counter", "log", "set":
		case "cmp", "range", "lookup", "limit":
			if !r.holds(expr, rule.Exprs[i+1:]) {
				return at
			}
		case "verdict":
			if end := r.verdict(expr.Args["verdict"], expr.Args["chain"], at, depth); end.flow != next {
				return end
			}
		case "vmap":
			end, hit := r.vmap(expr, at, depth)
			if end.flow != next || !hit {
				return end
			}
		case "reject":
			return decided(at, drop, "reject")
		default:
			return decided(at, lost, fmt.Sprintf("rule %d of chain %s has an expression that is not modelled: %s %s",
				at.rule+1, at.chain, expr.Kind, expr.Args["name"]))
		}
	}
	return at
}

func decided(at result, how flow, what string) result {
	at.flow, at.why = how, what
	if how != lost {
		at.why = fmt.Sprintf("%s by rule %d of chain %s", what, at.rule+1, at.chain)
	}
	return at
}

// holds answers a condition. One that is open is tried both ways, unless
// nothing that follows in the rule could decide anything.
func (r *run) holds(expr Expr, rest []Expr) bool {
	answer, lone := r.condition(expr)
	if answer != maybe {
		return answer == yes
	}
	if !slices.ContainsFunc(rest, decides) {
		return false
	}
	return r.open(expr, lone)
}

// open tries the first choice, or what this run has been told to try.
func (r *run) open(expr Expr, first bool) bool {
	if expr.Kind == "limit" {
		r.limits = true
	} else if r.doubt == "" {
		r.doubt = describeExpr(expr, nil)
	}
	if r.asked == len(r.answers) {
		r.answers = append(r.answers, true)
	}
	choice := r.answers[r.asked]
	r.asked++
	return choice == first
}

// decides tells whether an expression may end the packet's way through the chain.
func decides(expr Expr) bool {
	switch expr.Kind {
	case "cmp", "range", "lookup", "limit", "counter", "log", "set":
		return false
	}
	return true
}

// condition says whether a condition holds and, where that is open, what a
// lone packet would find.
func (r *run) condition(expr Expr) (answer truth, lone bool) {
	switch expr.Kind {
	case "cmp":
		return r.packet.matchCmp(expr.Args), true
	case "range":
		return r.packet.matchRange(expr.Args), true
	case "limit":
		return maybe, expr.Args["over"] != "true"
	}
	set := r.table.set(expr.Args["set"])
	if set == nil {
		return maybe, true
	}
	_, hit := set.find(r.packet.fields(expr.Args["left"]))
	switch expr.Args["op"] {
	case "in":
		return hit, true
	case "notin":
		return hit.not(), true
	}
	return maybe, true
}

func (r *run) vmap(expr Expr, at result, depth int) (result, bool) {
	set := r.table.set(expr.Args["set"])
	if set == nil {
		return decided(at, lost, fmt.Sprintf("map %s is not known", expr.Args["set"])), false
	}
	element, hit := set.find(r.packet.fields(expr.Args["left"]))
	switch hit {
	case no:
		return at, false
	case maybe:
		return decided(at, lost, "the packet does not settle "+describeExpr(expr, nil)), false
	}
	verdict, chain, _ := strings.Cut(element.Data, " ")
	return r.verdict(verdict, chain, at, depth), true
}

func (r *run) verdict(verdict, target string, at result, depth int) result {
	switch verdict {
	case "accept":
		return decided(at, accept, verdict)
	case "drop":
		return decided(at, drop, verdict)
	case "return":
		return decided(at, leave, verdict)
	case "continue":
		return at
	case "jump", "goto":
		return r.jump(verdict, target, at, depth)
	}
	return decided(at, lost, fmt.Sprintf("verdict %q of rule %d of chain %s is not modelled", verdict, at.rule+1, at.chain))
}

// jump comes back to the next rule where the chain does not decide; after a
// goto there is no way back into this chain.
func (r *run) jump(verdict, target string, at result, depth int) result {
	chain := r.table.chain(target)
	if chain == nil || depth >= maxDepth {
		return decided(at, lost, fmt.Sprintf("%s from chain %s to chain %q cannot be followed", verdict, at.chain, target))
	}
	end := r.chain(chain, depth+1)
	if verdict == "jump" && end.flow == leave {
		return at
	}
	return end
}

func (t *Table) chain(name string) *Chain {
	for i := range t.Chains {
		if t.Chains[i].Name == name {
			return &t.Chains[i]
		}
	}
	return nil
}

func (t *Table) set(name string) *Set {
	for i := range t.Sets {
		if t.Sets[i].Name == name {
			return &t.Sets[i]
		}
	}
	return nil
}
