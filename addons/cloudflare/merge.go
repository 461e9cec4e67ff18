package cloudflare

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/k3sedge/k3sedge/provision/converge"
	"github.com/k3sedge/k3sedge/provision/machine"
)

// absent is how a thing that is not there is shown.
const absent = "absent"

// ForeignError is something of somebody else's where ours is to be. It is
// left as it is.
type ForeignError struct{ What, Have, Want string }

// Error shows both.
func (e *ForeignError) Error() string {
	return fmt.Sprintf("%s is not k3sedge's:\n  - %s\n  + %s", e.What, e.Have, e.Want)
}

func foreign(what, have, want string) error {
	return machine.WithHint(&ForeignError{what, have, want}, "take it away, choose another host, or let k3sedge have it with --adopt")
}

// inTheWay reports whether something of somebody else's is.
func inTheWay(err error) bool {
	var f *ForeignError
	return errors.As(err, &f)
}

// scope says which of our things are worked on, and how far that goes.
type scope struct {
	cluster string // its ID
	only    string // the one service, or "" for all
	adopt   bool   // what is not ours but in the way becomes ours
}

// sorted are the rules of a tunnel by what becomes of them.
type sorted struct {
	others []Rule          // not ours
	stale  []Rule          // ours, and not wanted here
	have   map[string]Rule // where a wanted one is to be, by host
	// foreign tells of somebody else's where a wanted one is to be, by host.
	foreign map[string]error
}

// sort tells the rules apart.
func (s scope) sort(live, want []Rule) sorted {
	out := sorted{have: map[string]Rule{}, foreign: map[string]error{}}
	for _, r := range live {
		i := slices.IndexFunc(want, func(w Rule) bool { return w.Hostname == r.Hostname })
		switch mine := r.owner(s.cluster) != ""; {
		case i < 0 && mine:
			out.stale = append(out.stale, r)
		case i < 0 || !mine && r.Path != "":
			out.others = append(out.others, r)
		case !mine && !s.adopt:
			out.others = append(out.others, r)
			out.foreign[r.Hostname] = foreign("the tunnel's rule for "+r.Hostname, r.String(), want[i].String())
		default:
			if before, twice := out.have[r.Hostname]; !twice || !before.as(want[i]) {
				out.have[r.Hostname] = r
			}
		}
	}
	return out
}

// merge puts the wanted rules among those that are there, but for hosts that
// somebody else has a rule for. What is left of ours and no longer wanted
// stays, for withdraw to take.
func (s scope) merge(live, want []Rule) ([]Rule, []converge.Change) {
	found := s.sort(live, want)
	ours := found.stale
	var changes []converge.Change
	for _, w := range want {
		r, ok := found.have[w.Hostname]
		switch taken := found.foreign[w.Hostname] != nil; {
		case ok && (taken || r.as(w)):
			ours = append(ours, r)
			continue
		case taken:
			continue
		}
		ours = append(ours, w)
		change := converge.Change{ID: "rule " + w.Hostname, Have: absent, Want: w.Service}
		if ok {
			change.Have = r.Service + whose(r, s.cluster)
		}
		changes = append(changes, change)
	}
	if len(ours) == 0 {
		return live, nil
	}
	slices.SortStableFunc(ours, func(a, b Rule) int { return cmp.Compare(a.Hostname, b.Hostname) })
	out := place(found.others, ours)
	if len(changes) == 0 && !slices.EqualFunc(out, live, sameRaw) {
		changes = append(changes, converge.Change{ID: "rules", Have: "in an order in which others take their requests, or twice", Want: "each once, before those for many hosts"})
	}
	return out, changes
}

// whose tells a rule that is there but not as wanted from one that is not ours.
func whose(r Rule, cluster string) string {
	if r.owner(cluster) != "" {
		return ", or with other settings"
	}
	return ", not k3sedge's"
}

func sameRaw(a, b Rule) bool { return string(a.raw) == string(b.raw) }

// withdraw takes out our rules that no service wants any more.
func (s scope) withdraw(live, want []Rule) ([]Rule, []converge.Change) {
	var out []Rule
	var changes []converge.Change
	for _, r := range live {
		owner := r.owner(s.cluster)
		chosen := owner != "" && (s.only == "" || s.only == owner)
		if chosen && !slices.ContainsFunc(want, func(w Rule) bool { return w.Hostname == r.Hostname }) {
			changes = append(changes, converge.Change{ID: "rule " + r.Hostname, Have: r.Service, Want: absent})
			continue
		}
		out = append(out, r)
	}
	return out, changes
}
