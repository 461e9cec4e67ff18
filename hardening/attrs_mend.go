package hardening

import (
	"fmt"
	"strings"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// mendOwned takes away what is too much, and leaves tighter modes alone.
func mendOwned(f *facts.Facts, rules []owned) Mend {
	var m Mend
	for _, r := range rules {
		for _, name := range r.among(f) {
			s := f.Stats[name]
			switch {
			case r.holds(s):
			case s.Kind != facts.KindFile && s.Kind != facts.KindFolder:
				m.Advice = append(m.Advice, fmt.Sprintf("%s is no file or folder but a %s: look where it leads, and take its rights away there", name, s.Kind))
			case s.Fixed:
				m.Advice = append(m.Advice, fmt.Sprintf("%s is behind a link, or has a second name: `chmod %04o` it and `chown` it to root where it really is", name, r.tightened(name, s).Mode))
			default:
				m.Attrs = append(m.Attrs, r.tightened(name, s))
			}
		}
	}
	return m
}

func (r owned) tightened(name string, s facts.Stat) facts.AttrChange {
	a := facts.AttrChange{Path: name, Mode: s.Mode & r.most}
	if r.group(s.GID) {
		a.GID = s.GID
	}
	return a
}

// inShort is what a verdict says it has: what is wrong, or else that it is fine.
func inShort(wrong []string, fine string) string {
	if len(wrong) == 0 {
		return fine
	}
	return strings.Join(wrong, "; ")
}

// statLine is an owner and a mode as evidence.
func statLine(name string, s facts.Stat) string {
	return fmt.Sprintf("%s: mode %04o, owner %d:%d", name, s.Mode, s.UID, s.GID)
}
