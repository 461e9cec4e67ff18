package inventory

import (
	"errors"
	"fmt"
	"time"
)

// Profile is how much is demanded of the nodes.
type Profile string

// The profiles.
const (
	Baseline Profile = "baseline"
	Strict   Profile = "strict" // and what costs something in daily work
)

// Hardening says what is demanded of the nodes.
type Hardening struct {
	Profile Profile `yaml:"profile,omitempty"`
}

// AllNodes is the node of a waiver that holds for all of them.
const AllNodes = "*"

// Waiver says that a control need not hold, for whom, why, who answers for
// that, and until when.
type Waiver struct {
	ID      string `yaml:"id"`
	Node    string `yaml:"node"` // its name, or AllNodes
	Reason  string `yaml:"reason"`
	Owner   string `yaml:"owner"`
	Expires Date   `yaml:"expires"`
}

// Covers reports whether the waiver is for the node of that name.
func (w Waiver) Covers(node string) bool { return w.Node == AllNodes || w.Node == node }

// Date is a day, written as 2027-01-31.
type Date struct{ day string }

var errDate = errors.New("not a date such as 2027-01-31")

// ParseDate reads a day of the calendar.
func ParseDate(text string) (Date, error) {
	if _, err := time.Parse(time.DateOnly, text); err != nil {
		return Date{}, errDate
	}
	return Date{text}, nil
}

// Over reports whether the whole day has gone by where now's clock hangs.
func (d Date) Over(now time.Time) bool { return now.Format(time.DateOnly) > d.day }

// IsZero reports whether no day was given.
func (d Date) IsZero() bool { return d.day == "" }

// String returns the day as it is written.
func (d Date) String() string { return d.day }

// MarshalText returns the day as it is written.
func (d Date) MarshalText() ([]byte, error) { return []byte(d.day), nil }

// UnmarshalText reads a day of the calendar.
func (d *Date) UnmarshalText(text []byte) error {
	var err error
	*d, err = ParseDate(string(text))
	return err
}

func validateHardening(c Cluster, f *findings) {
	f.checkWord("hardening.profile", string(c.Hardening.Profile), string(Baseline), string(Strict))
	names := []string{AllNodes}
	for _, n := range c.Nodes {
		names = append(names, n.Name)
	}
	seen := unique{}
	for i, w := range c.Waivers {
		path := indexPath("waivers", i)
		if f.require(w.ID != "", path+".id", controlHint) {
			f.check(controlForm.MatchString(w.ID), path+".id", "not the ID of a control", controlHint)
			seen.check(f, path, w.ID+" "+w.Node)
		}
		if f.require(w.Node != "", path+".node", nodeHint) {
			f.tell(path+".node", unknownNode(w.Node, names))
		}
		f.require(w.Reason != "", path+".reason", "say why the control need not hold; every report shows it")
		f.require(w.Owner != "", path+".owner", "say who answers for it")
		f.require(!w.Expires.IsZero(), path+".expires", "name the last day, such as 2027-01-31; the control counts again from the next")
	}
}

const nodeHint = `name one of nodes, or "*" for all of them`

func unknownNode(name string, names []string) *fault {
	for _, n := range names {
		if n == name {
			return nil
		}
	}
	hint := nodeHint
	if near := Nearest(name, names[1:]); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	return &fault{"there is no such node", hint}
}

// CheckWaivers reports the waivers of controls that are not among the known.
// What controls there are is no matter of the inventory, so the caller says it.
func (p Project) CheckWaivers(known []string) error {
	f := newFindings(or(p.origin.file, "k3sedge.yaml"))
	if p.origin.lines != nil {
		f.lines = p.origin.lines
	}
	ids := unique{}
	for _, id := range known {
		ids[id] = id
	}
	for i, w := range p.Cluster.Waivers {
		hint := controlHint
		if near := Nearest(w.ID, known); near != "" {
			hint = fmt.Sprintf("did you mean %q? %s", near, controlHint)
		}
		f.check(ids[w.ID] != "", indexPath("waivers", i)+".id", "there is no such control", hint)
	}
	return f.problems.asError()
}
