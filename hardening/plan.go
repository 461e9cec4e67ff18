package hardening

import (
	"fmt"
	"slices"
	"strings"

	"github.com/k3sedge/k3sedge/hardening/facts"
	"github.com/k3sedge/k3sedge/provision/machine"
)

// Plan is what the failing controls of one node ask for.
type Plan struct {
	Transaction facts.Transaction
	// Blocked is what only the user can mend, each with its control.
	Blocked []string
	// Wait is set while the host has an unconfirmed change to go back from.
	Wait bool
}

// Empty reports whether there is nothing to change on the host.
func (p Plan) Empty() bool {
	t := p.Transaction
	return len(t.Files) == 0 && len(t.Attrs) == 0 && t.Ruleset == "" && len(t.Sysctls) == 0 && len(t.Units) == 0
}

// PlanFor gathers what the failing controls ask for. A control that holds adds
// nothing, so that a host that is as wanted gets an empty plan.
func PlanFor(f *facts.Facts, p Policy) Plan { return planAll(p.hostControls(), f, p) }

func planAll(controls []Control, f *facts.Facts, p Policy) Plan {
	var plan Plan
	t := &plan.Transaction
	p = p.once()
	for _, c := range controls {
		if p.waived(c.ID) || c.judge(f, p).Status != Fail {
			continue
		}
		m := c.mend(f, p)
		plan.Wait = plan.Wait || m.Wait
		plan.block(c.ID, m.Blocked)
		addFiles(t, m.Files)
		addAttrs(t, m.Attrs)
		addUnits(t, m.Units)
		for key, value := range m.Sysctls {
			if t.Sysctls == nil {
				t.Sysctls = map[string]string{}
			}
			t.Sysctls[key] = value
		}
		if m.Ruleset {
			t.Ruleset, t.RulesetPath = p.Ruleset, rulesetFile
		}
	}
	slices.SortFunc(t.Files, func(a, b facts.FileChange) int { return strings.Compare(a.Path, b.Path) })
	withoutWritten(t)
	slices.SortFunc(t.Attrs, func(a, b facts.AttrChange) int { return strings.Compare(a.Path, b.Path) })
	slices.SortStableFunc(t.Units, func(a, b facts.UnitChange) int { return unitOrder(a.Action) - unitOrder(b.Action) })
	t.Window = int(p.Window.Seconds())
	if p.Client != nil {
		client := p.Client()
		t.Client = &client
	}
	return plan
}

// block notes a reason under the first control that gives it.
func (p *Plan) block(id string, reasons []string) {
	for _, r := range reasons {
		if !slices.ContainsFunc(p.Blocked, func(b string) bool { return strings.HasSuffix(b, ": "+r) }) {
			p.Blocked = append(p.Blocked, id+": "+r)
		}
	}
}

// addFiles keeps one change for each path; the first control to ask decides.
func addFiles(t *facts.Transaction, files []facts.FileChange) {
	for _, f := range files {
		if !slices.ContainsFunc(t.Files, func(have facts.FileChange) bool { return have.Path == f.Path }) {
			t.Files = append(t.Files, f)
		}
	}
}

// addAttrs takes all that two controls ask of the same path.
func addAttrs(t *facts.Transaction, attrs []facts.AttrChange) {
	for _, a := range attrs {
		i := slices.IndexFunc(t.Attrs, func(have facts.AttrChange) bool { return have.Path == a.Path })
		if i < 0 {
			t.Attrs = append(t.Attrs, a)
			continue
		}
		t.Attrs[i].Mode &= a.Mode
	}
}

// withoutWritten leaves out the owners of files that are written or taken away
// by the same transaction: those come with owner and mode.
func withoutWritten(t *facts.Transaction) {
	t.Attrs = slices.DeleteFunc(t.Attrs, func(a facts.AttrChange) bool {
		return slices.ContainsFunc(t.Files, func(f facts.FileChange) bool { return f.Path == a.Path })
	})
}

func addUnits(t *facts.Transaction, units []facts.UnitChange) {
	for _, u := range units {
		if !slices.Contains(t.Units, u) {
			t.Units = append(t.Units, u)
		}
	}
}

// unitOrder puts the reloads last, when everything else is in place.
func unitOrder(action string) int {
	return slices.Index([]string{"disable", "mask", "enable", "start", "reload"}, action)
}

// leftToUser is the error for what a plan could not take up, or nil.
func (p Plan) leftToUser() error {
	if len(p.Blocked) == 0 {
		return nil
	}
	return machine.WithHint(fmt.Errorf("%w: %s", ErrLeftToUser, strings.Join(p.Blocked, "; ")),
		"mend what is named, then run `k3sedge harden` again")
}
