package hardening

import (
	"path"
	"slices"
	"strings"
	"time"

	"github.com/k3sedge/k3sedge/inventory"
)

// Profile says how far the demands go.
type Profile = inventory.Profile

// The profiles. Baseline is the default.
const (
	Baseline = inventory.Baseline
	Strict   = inventory.Strict
)

// Waiver is a control that somebody accepts to fail on a node, for a time.
type Waiver struct {
	Reason  string `json:"reason"`
	Owner   string `json:"owner"`
	Expires string `json:"expires"` // the last day on which it counts, YYYY-MM-DD
	// Expired waivers are told and excuse nothing.
	Expired bool `json:"expired"`
}

// WaiverOf is the file's waiver as it stands today.
func WaiverOf(w inventory.Waiver, now time.Time) Waiver {
	return Waiver{Reason: w.Reason, Owner: w.Owner, Expires: w.Expires.String(), Expired: w.Expires.Over(now)}
}

// Excuse takes up the file's waivers for this node as they stand today. One
// that names the node outweighs one for all nodes, unless it has expired.
func (p *Policy) Excuse(all []inventory.Waiver, now time.Time) {
	p.Waivers = map[string]Waiver{}
	for _, w := range all {
		before, taken := p.Waivers[w.ID]
		if w.Covers(p.Node) && (!taken || before.Expired || w.Node == p.Node && !w.Expires.Over(now)) {
			p.Waivers[w.ID] = WaiverOf(w, now)
		}
	}
}

// Selection is the part of the catalogue that a run is about: all of it where
// both lists are empty. Entries are IDs, groups such as SSH, or patterns such as FW-0*.
type Selection struct{ Only, Skip []string }

// Selects reports whether the control belongs to the selection.
func (s Selection) Selects(id string) bool {
	matches := func(pattern string) bool { return matchesControl(pattern, id) }
	return (len(s.Only) == 0 || slices.ContainsFunc(s.Only, matches)) && !slices.ContainsFunc(s.Skip, matches)
}

// ControlIDs are the IDs of the whole catalogue, in its order.
func ControlIDs() []string {
	var out []string
	for _, c := range Controls() {
		out = append(out, c.ID)
	}
	return out
}

// MatchesAny reports whether an entry of a selection means any control at all.
func MatchesAny(pattern string) bool {
	return slices.ContainsFunc(ControlIDs(), func(id string) bool { return matchesControl(pattern, id) })
}

func matchesControl(pattern, id string) bool {
	pattern = strings.ToUpper(pattern)
	group, _, _ := strings.Cut(id, "-")
	matched, err := path.Match(pattern, id)
	return err == nil && matched || pattern == group
}

// waived reports whether a waiver that still counts stands against the control.
func (p Policy) waived(id string) bool {
	w, ok := p.Waivers[id]
	return ok && !w.Expired
}

// keepsLine reports whether a file that holds lines for many controls has this
// line of that control. A control that is waived has none; one that is not
// selected keeps what it has.
func (p Policy) keepsLine(id, line, content string) bool {
	switch {
	case p.waived(id):
		return false
	case p.Selection.Selects(id):
		return true
	}
	return slices.Contains(strings.Split(content, "\n"), line)
}

// hostControls are those that are judged by what the host says alone.
func (p Policy) hostControls() []Control { return slices.DeleteFunc(p.controls(), Control.ofCluster) }

// controls are those of the catalogue that this run is about.
func (p Policy) controls() []Control {
	return slices.DeleteFunc(Controls(), func(c Control) bool { return !p.Selection.Selects(c.ID) })
}
