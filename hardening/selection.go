package hardening

import (
	"path"
	"slices"
	"strings"
)

// Profile says how far the demands go.
type Profile string

// The profiles. Baseline is the default.
const (
	Baseline Profile = "baseline"
	Strict   Profile = "strict"
)

// Waiver is a control that somebody accepts to fail on a node, for a time.
type Waiver struct {
	Reason  string `json:"reason"`
	Owner   string `json:"owner"`
	Expires string `json:"expires"` // the last day on which it counts, YYYY-MM-DD
	// Expired waivers are told and excuse nothing.
	Expired bool `json:"expired"`
}

// Selection is the part of the catalogue that a run is about: all of it where
// both lists are empty. Entries are IDs, groups such as SSH, or patterns such as FW-0*.
type Selection struct{ Only, Skip []string }

// Selects reports whether the control belongs to the selection.
func (s Selection) Selects(id string) bool {
	matches := func(pattern string) bool { return matchesControl(pattern, id) }
	return (len(s.Only) == 0 || slices.ContainsFunc(s.Only, matches)) && !slices.ContainsFunc(s.Skip, matches)
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

// controls are those of the catalogue that this run is about.
func (p Policy) controls() []Control {
	return slices.DeleteFunc(Controls(), func(c Control) bool { return !p.Selection.Selects(c.ID) })
}
