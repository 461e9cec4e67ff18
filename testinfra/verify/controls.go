package verify

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/k3sedge/k3sedge/hardening"
	"github.com/k3sedge/k3sedge/hardening/report"
	"github.com/k3sedge/k3sedge/provision/converge"
)

// audit is what `k3sedge harden --check` came to.
type audit struct {
	code int
	report.Document
}

// audit looks at everything, once until something changes.
func (r *Run) audit(ctx context.Context) (audit, error) {
	return r.seen.audit.get(func() (audit, error) { return r.look(ctx, "--deep") })
}

// mostLooks is how often a slow machine is looked at, that a minute after its
// start still cannot say everything.
const mostLooks = 4

// look looks again while something could not be looked at, each time after a
// pause as long as the look: looking holds up a slow machine.
func (r *Run) look(ctx context.Context, options ...string) (audit, error) {
	for looks := 1; ; looks++ {
		began := time.Now()
		o, err := r.k3sedge(ctx, -1, append([]string{"harden", "--check", "--timeout", "9m", "--format", "json"}, options...)...)
		if err != nil {
			return audit{}, err
		}
		a, err := parseAudit(o, len(r.cluster.Nodes))
		var unseen []string
		for node, f := range a.with(hardening.Unknown) {
			unseen = append(unseen, finding(node, f))
		}
		if err != nil || len(unseen) == 0 || looks == mostLooks || !converge.Pause(ctx, time.Since(began)) {
			return a, err
		}
		r.say("look again: %s", strings.Join(unseen, "\n"))
	}
}

// parseAudit refuses a report that lacks a node or a control.
func parseAudit(o output, nodes int) (audit, error) {
	a := audit{code: o.code}
	if err := json.Unmarshal([]byte(o.stdout), &a.Document); err != nil {
		return a, fmt.Errorf("k3sedge harden --check ended with %d and no report: %s", o.code, tail(o.stderr+o.stdout))
	}
	if len(a.Nodes) != nodes || nodes == 0 {
		return a, fmt.Errorf("the report of harden --check has %d nodes, want %d", len(a.Nodes), nodes)
	}
	for _, n := range a.Nodes {
		if n.Error != "" {
			return a, fmt.Errorf("harden --check could not look at %s: %s", n.Name, n.Error)
		}
		if want := len(hardening.Controls()); len(n.Findings) != want && len(a.Only) == 0 {
			return a, fmt.Errorf("the report of harden --check has %d findings on %s, want one for each of %d controls", len(n.Findings), n.Name, want)
		}
	}
	return a, nil
}

// having are the controls that have a status anywhere.
func (a audit) having(s hardening.Status) []string {
	var out []string
	for _, f := range a.with(s) {
		out = append(out, f.ID)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// with yields the findings that have a status, by node.
func (a audit) with(s hardening.Status) iter.Seq2[string, report.Finding] {
	return func(yield func(string, report.Finding) bool) {
		for _, n := range a.Nodes {
			for _, f := range n.Findings {
				if f.Status == s && !yield(n.Name, f) {
					return
				}
			}
		}
	}
}

// finding is one in a line.
func finding(node string, f report.Finding) string {
	text := fmt.Sprintf("%s: %s %s is %q: %s", node, f.ID, f.Title, f.Status, f.Have)
	if len(f.Evidence) > 0 && f.Evidence[0] != f.Have {
		text += " (" + strings.Join(f.Evidence[:min(3, len(f.Evidence))], "; ") + ")"
	}
	return text
}

// controlsHold wants controls to hold on every node. One that applies to
// nothing there is as good.
func (r *Run) controlsHold(ctx context.Context, ids ...string) error {
	return r.judge(ctx, ids, func(hardening.Status) bool { return true })
}

// controlsPass wants controls to pass on every node, and none to say that it
// does not apply.
func (r *Run) controlsPass(ctx context.Context, ids ...string) error {
	return r.judge(ctx, ids, func(s hardening.Status) bool { return s != hardening.NotApplicable })
}

// judge asks controls. What a promise before this one has told is not told twice.
func (r *Run) judge(ctx context.Context, ids []string, accept func(hardening.Status) bool) error {
	a, err := r.audit(ctx)
	if err != nil {
		return err
	}
	var f, unseen findings
	for _, n := range a.Nodes {
		found := 0
		for _, one := range n.Findings {
			if !slices.Contains(ids, one.ID) {
				continue
			}
			found++
			if one.Status != hardening.NotApplicable && r.told(one.ID) {
				continue
			}
			if one.Status == hardening.Unknown {
				unseen.add("%s", finding(n.Name, one))
			} else if one.Status == hardening.Fail || !accept(one.Status) {
				f.add("%s", finding(n.Name, one))
			}
		}
		if found != len(ids) {
			return fmt.Errorf("%s: %d of the controls %v were judged", n.Name, found, ids)
		}
	}
	return f.or(unseen)
}

func kernelControls(ctx context.Context, r *Run) error {
	ids := words("KRN-01 KRN-02 KRN-03 KRN-04 KRN-05 KRN-06 KRN-07 KRN-08 KRN-09 KRN-11 KRN-12 KRN-13")
	if r.cluster.K3s != nil {
		ids = append(ids, "KRN-10")
	}
	return r.controlsPass(ctx, ids...)
}

func bootControls(ctx context.Context, r *Run) error {
	return r.controlsPass(ctx, words("FW-14 FW-15 PKG-03 LOG-02")...)
}

func filesystemControls(ctx context.Context, r *Run) error {
	return r.controlsPass(ctx, words("FS-01 FS-02 FS-03 FS-04 FS-05")...)
}

// allControls is `harden --check`.
func allControls(ctx context.Context, r *Run) error {
	a, err := r.audit(ctx)
	if err != nil {
		return err
	}
	return r.allHold(a)
}

// allHold wants nothing to be found. What belongs to a promise that has failed
// already is not told twice.
func (r *Run) allHold(a audit) error {
	var f, unseen findings
	twice := 0
	for _, n := range a.Nodes {
		for _, one := range n.Findings {
			switch {
			case one.Status != hardening.Fail && one.Status != hardening.Unknown:
			case r.told(one.ID):
				twice++
			case one.Status == hardening.Fail:
				f.add("%s", finding(n.Name, one))
			default:
				unseen.add("%s", finding(n.Name, one))
			}
		}
	}
	if err := f.or(unseen); err != nil {
		return err
	}
	if a.code != 0 && twice == 0 {
		return brokenError{fmt.Sprintf("harden --check ended with %d, and its report does not tell why", a.code)}
	}
	return nil
}

// plan is what `k3sedge up --plan` tells.
type plan struct {
	code   int
	events []event
	words  string
}

// event is one of the public form.
type event struct{ Kind, Stage, Subject, Step, Error string }

func (r *Run) plan(ctx context.Context) (plan, error) {
	return r.seen.plan.get(func() (plan, error) {
		o, err := r.k3sedge(ctx, -1, "up", "--plan", "--output", "json")
		if err != nil {
			return plan{}, err
		}
		return parsePlan(o)
	})
}

func parsePlan(o output) (plan, error) {
	p := plan{code: o.code, words: tail(o.stderr)}
	steps := 0
	for line := range strings.Lines(o.stdout) {
		var e event
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			return p, fmt.Errorf("read what up --plan tells: %w: %s", err, tail(line))
		}
		if e.Step != "" {
			steps++
		}
		p.events = append(p.events, e)
	}
	if steps == 0 {
		return p, fmt.Errorf("up --plan ended with %d and told of no step: %s", o.code, p.words)
	}
	return p, nil
}

// secondUp wants a plan without a change. What differs in the hardening of a
// node while a promise of its controls is broken has been told there.
func secondUp(ctx context.Context, r *Run) error {
	p, err := r.plan(ctx)
	if err != nil {
		return err
	}
	var f findings
	twice := false
	for _, e := range p.events {
		switch {
		case e.Kind != "step-differs" && e.Kind != "step-pending":
		case e.Stage == "hardening" && r.brokenControls():
			twice = true
		default:
			f.add("up would change %s: %s %s", e.Stage, e.Subject, e.Step)
		}
	}
	switch {
	case len(f) > 0:
		return f.err()
	case p.code == 0 || p.code == 3 && twice:
		return nil
	case p.code == 3:
		return brokenError{"up --plan ended with 3: " + p.words}
	}
	return fmt.Errorf("up --plan ended with %d: %s", p.code, p.words)
}

// brokenControls reports whether a promise that stands for controls is broken.
func (r *Run) brokenControls() bool {
	return slices.ContainsFunc(r.results, func(res Result) bool {
		return res.Verdict == Broken && slices.ContainsFunc(Promises(), func(p Promise) bool {
			return p.Name == res.Name && (len(p.Controls) > 0 || strings.HasSuffix(p.Name, "all-controls-hold"))
		})
	})
}
