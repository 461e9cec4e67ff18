package hardening

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// homeOf is a home with the number of its owner.
type homeOf struct {
	facts.Home
	uid int
}

// homes are those that are there. A home that is a link or shared is judged as it is.
func homes(f *facts.Facts) []homeOf {
	var out []homeOf
	for _, h := range f.Accounts.Homes {
		u, found := user(f, h.User)
		if found && h.Stat.Kind != facts.KindAbsent && h.Stat.Kind != "" {
			out = append(out, homeOf{h, u.UID})
		}
	}
	return out
}

// unseenHomes says which homes could not be looked at, and why.
func unseenHomes(f *facts.Facts) []string {
	var out []string
	for _, h := range f.Accounts.Homes {
		if h.Problem != "" {
			out = append(out, fmt.Sprintf("%s of %s: %s", h.Path, h.User, h.Problem))
		}
	}
	return out
}

func (h homeOf) open() bool { return h.Stat.Mode&^homeMost&0o777 != 0 }

// strange is true where somebody else owns the home. root may: that is how a
// home for file transfer alone is made.
func (h homeOf) strange() bool { return h.Stat.UID != h.uid && h.Stat.UID != 0 }

func (h homeOf) badDotfiles() []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(h.Dotfiles)) {
		if s := h.Dotfiles[name]; facts.IsOpenDotfile(name, s) {
			out = append(out, statLine(h.Path+"/"+name, s))
		}
	}
	return out
}

func checkHomes(f *facts.Facts, _ Policy) Verdict {
	var wrong []string
	all := homes(f)
	if gaps := unseenHomes(f); len(all)+len(gaps) == 0 {
		return unknown("there is no home")
	}
	for _, h := range all {
		if h.open() || h.strange() {
			wrong = append(wrong, fmt.Sprintf("%s of %s", statLine(h.Path, h.Stat), h.User))
		}
		wrong = append(wrong, h.badDotfiles()...)
	}
	if gaps := unseenHomes(f); len(wrong) == 0 && len(gaps) > 0 {
		return unknown(gaps...)
	}
	return decide(wrong, inShort(wrong, fmt.Sprintf("%d homes", len(all))), "")
}

// mendHomes closes homes where people's are. Files in them are their owners'.
func mendHomes(f *facts.Facts, _ Policy) Mend {
	var m Mend
	for _, h := range homes(f) {
		usual := h.Path == "/root" || strings.HasPrefix(h.Path, "/home/")
		switch {
		case h.strange():
			m.Advice = append(m.Advice, fmt.Sprintf("give %s back: `chown %s %s`", h.Path, h.User, h.Path))
		case h.open() && usual && h.Stat.Kind == facts.KindFolder && !h.Stat.Fixed:
			m.Attrs = append(m.Attrs, facts.AttrChange{Path: h.Path, Mode: h.Stat.Mode & homeMost, UID: h.Stat.UID, GID: h.Stat.GID})
		case h.open():
			m.Advice = append(m.Advice, fmt.Sprintf("close %s: `chmod o-rwx,g-w %s`", h.Path, h.Path))
		}
		for _, line := range h.badDotfiles() {
			m.Advice = append(m.Advice, "take the file away, or its write rights from others: "+line)
		}
	}
	return m
}
