package firewall

import (
	"fmt"
	"slices"
	"strings"
)

// run is one way of a packet through the rules.
type run struct {
	judge   *Judge
	table   *indexed // whose chain is being asked
	view    view
	answers []answer // to the open conditions so far; 0 is the first choice
	asked   int
	limits  bool   // a rate limit was among them
	doubt   string // the first one that was not a rate limit
	// settled are the answers to conditions that were open, by their text.
	// They hold until the packet is changed.
	settled map[string]bool
	steps   *int // rules so far, in all runs

	judged   bool     // the hook that decides about such packets has a chain
	trail    []result // where base chains were left by an accept
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
	table *indexed
	hook  string
	chain string
	rule  int
	why   string
}

// base asks a base chain.
func (r *run) base(at placed) result {
	r.table, r.view.sets = at.table, at.table.sets
	end := r.chain(at.chain, 0)
	if end.flow == next || end.flow == leave {
		end = r.policy(at.chain)
	}
	end.table, end.hook = at.table, r.view.hook
	if end.flow == accept {
		r.trail = append(r.trail, end)
	}
	return end
}

// text is the rule for people: the same few rules decide about most packets.
func (e result) text() string {
	if e.table == nil {
		return ""
	}
	chain := e.table.chains[e.chain]
	if chain == nil || e.rule < 0 || e.rule >= len(chain.Rules) {
		return ""
	}
	rule := &chain.Rules[e.rule]
	text, known := e.table.texts[rule]
	if !known {
		text = e.table.Describe(*rule)
		e.table.texts[rule] = text
	}
	return text
}

func (e result) decision(verdict Verdict) Decision {
	d := Decision{Verdict: verdict, Hook: e.hook, Chain: e.chain, Rule: e.rule, Why: e.why, Text: e.text()}
	if e.table != nil {
		d.Table = e.table.Family + " " + e.table.Name
	}
	return d
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
		if !decides(expr) {
			if asks(expr) && !r.holds(expr, rule.Exprs[i+1:]) {
				return at
			}
			continue
		}
		end, goes := r.does(expr, at, depth)
		if end.flow != next || !goes {
			return end
		}
	}
	return at
}

// does is what an expression does to the packet, and whether the rule goes on.
func (r *run) does(expr Expr, at result, depth int) (end result, goes bool) {
	switch expr.Kind {
	case "verdict":
		return r.verdict(expr.Args["verdict"], expr.Args["chain"], at, depth), true
	case "vmap":
		return r.vmap(expr, at, depth)
	case "set":
		if expr.Args["lenient"] == "" && r.view.absent(expr.Args["value"]) {
			return at, false
		}
		r.set(expr.Args["what"], expr.Args["value"])
		return at, true
	}
	return r.statement(expr, at), true
}

// statement does what an expression does to the packet.
func (r *run) statement(expr Expr, at result) result {
	switch expr.Kind {
	case "reject":
		return decided(at, drop, "reject")
	case "notrack":
		return r.notrack(at)
	case "dnat", "redirect", "snat", "masquerade":
		return r.translate(expr, at)
	}
	return decided(at, lost, fmt.Sprintf("rule %d of chain %s has an expression that is not modelled: %s %s",
		at.rule+1, at.chain, expr.Kind, expr.Args["name"]))
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
	truth, lone := r.condition(expr)
	if truth != maybe {
		return truth == yes
	}
	if !slices.ContainsFunc(rest, decides) {
		return false
	}
	return r.open(expr, lone)
}

// open tries the first choice, or what this run has been told to try. The
// same question has the same answer, where no chance is in it.
func (r *run) open(expr Expr, first bool) bool {
	if expr.Kind == "limit" {
		r.limits = true
		return (r.choose(2) == 0) == first
	}
	r.doubts(describeExpr(expr, nil))
	if byChance(expr) {
		return (r.choose(2) == 0) == first
	}
	text := expr.Kind + fmt.Sprint(expr.Args)
	if known, ok := r.settled[text]; ok {
		return known
	}
	r.settled[text] = (r.choose(2) == 0) == first
	return r.settled[text]
}

// byChance tells whether a condition may have another answer the next time.
func byChance(expr Expr) bool {
	return expr.Kind == "match" || strings.Contains(expr.Args["left"], "?") || strings.Contains(expr.Args["left"], "meta random")
}

func (r *run) doubts(what string) {
	if r.doubt == "" {
		r.doubt = what
	}
}

// choose takes one of several ways: all of them are tried, one in each run.
func (r *run) choose(of int) int {
	if r.asked == len(r.answers) {
		r.answers = append(r.answers, answer{0, of})
	}
	choice := r.answers[r.asked].choice
	r.asked++
	return min(choice, of-1)
}

// decides tells whether an expression may change what becomes of the packet.
func decides(expr Expr) bool {
	return !asks(expr) && expr.Kind != "counter" && expr.Kind != "log" && expr.Kind != "note"
}

// asks tells whether an expression is a condition.
func asks(expr Expr) bool {
	switch expr.Kind {
	case "cmp", "range", "lookup", "limit", "ports", "match":
		return true
	}
	return false
}

// condition says whether a condition holds and, where that is open, what a
// lone packet would find.
func (r *run) condition(expr Expr) (answer truth, lone bool) {
	if r.view.absent(expr.Args["left"]) {
		return no, true
	}
	switch expr.Kind {
	case "cmp":
		return r.view.matchCmp(expr.Args), true
	case "range":
		return r.view.matchRange(expr.Args), true
	case "ports":
		return r.view.matchPorts(expr.Args), true
	case "limit":
		return maybe, expr.Args["over"] != "true"
	}
	set := r.table.sets[expr.Args["set"]]
	if expr.Kind != "lookup" || set == nil {
		return maybe, true
	}
	_, hit := set.find(r.view.fields(expr.Args["left"]))
	switch expr.Args["op"] {
	case "in":
		return hit, true
	case "notin":
		return hit.not(), true
	}
	return maybe, true
}

// vmap takes the verdict of the element that is hit; where more than one may
// be, each of them is tried.
func (r *run) vmap(expr Expr, at result, depth int) (result, bool) {
	set := r.table.sets[expr.Args["set"]]
	if r.view.absent(expr.Args["left"]) {
		return at, false
	}
	if set == nil {
		return decided(at, lost, fmt.Sprintf("map %s is not known", expr.Args["set"])), false
	}
	candidates, sure := set.candidates(r.view.fields(expr.Args["left"]))
	ways := len(candidates)
	if !sure {
		ways++ // none of them
		r.doubts(describeExpr(expr, nil))
	}
	way := 0
	if ways > 1 {
		r.doubts(describeExpr(expr, nil))
		way = r.choose(ways)
	}
	if way == len(candidates) {
		return at, false
	}
	verdict, chain, _ := strings.Cut(candidates[way].Data, " ")
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
	chain := r.table.chains[target]
	if chain == nil || depth >= maxDepth {
		return decided(at, lost, fmt.Sprintf("%s from chain %s to chain %q cannot be followed", verdict, at.chain, target))
	}
	end := r.chain(chain, depth+1)
	if verdict == "jump" && end.flow == leave {
		return at
	}
	return end
}

func (t *Table) set(name string) *Set {
	for i := range t.Sets {
		if t.Sets[i].Name == name {
			return &t.Sets[i]
		}
	}
	return nil
}
