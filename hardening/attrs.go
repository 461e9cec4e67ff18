package hardening

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// owned says who may own a path, or all that match a pattern, and the most
// that its mode may allow. The owner is root.
type owned struct {
	path string
	most uint32
	// groups besides root's that may own it.
	groups []int
	// needed is a path without which nothing can be said: it is always there.
	needed bool
}

// ownedPaths are what a control has to ask for.
func ownedPaths(rules []owned) []string {
	var out []string
	for _, r := range rules {
		out = append(out, r.path)
	}
	return out
}

// among are the paths of a rule that the agent found.
func (r owned) among(f *facts.Facts) []string {
	if !strings.Contains(r.path, "*") {
		return []string{r.path}
	}
	var out []string
	for _, name := range slices.Sorted(maps.Keys(f.Stats)) {
		if matched, err := path.Match(r.path, name); err == nil && matched && name != r.path {
			out = append(out, name)
		}
	}
	return out
}

// holds reports whether a path is root's and no more open than it may be. One
// that is not there, and a link to nowhere, allows nothing.
func (r owned) holds(s facts.Stat) bool {
	if s.Kind == facts.KindAbsent || s == (facts.Stat{Kind: facts.KindLink}) {
		return true
	}
	return s.Mode&^r.most == 0 && s.UID == 0 && r.group(s.GID)
}

func (r owned) group(gid int) bool { return gid == 0 || slices.Contains(r.groups, gid) }

// checkOwned judges the rules of a control. have says what is fine with them.
func checkOwned(f *facts.Facts, rules []owned, want string) Verdict {
	var wrong []string
	seen := 0
	for _, r := range rules {
		for _, name := range r.among(f) {
			s := f.Stats[name]
			if r.needed && s.Kind == facts.KindAbsent {
				return unknown(name + " is not there")
			}
			if s.Kind != facts.KindAbsent {
				seen++
			}
			if !r.holds(s) {
				wrong = append(wrong, fmt.Sprintf("%s, want %04o at most", statLine(name, s), r.most))
			}
		}
	}
	if seen == 0 {
		return unknown("none of " + strings.Join(ownedPaths(rules), ", ") + " is there")
	}
	have := fmt.Sprintf("%d of %d paths looked at are too open", len(wrong), seen)
	if len(wrong) == 0 {
		have = fmt.Sprintf("%d paths looked at", seen)
	}
	return decide(wrong, have, want)
}
