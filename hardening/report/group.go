package report

import (
	"cmp"
	"slices"
	"strings"

	"github.com/k3sedge/k3sedge/hardening"
)

// group is one subject of the catalogue on one node.
type group struct {
	ID, Title string
	Open      []Finding // what fails, is unknown or waived; the worst first
	Excused   []Finding // not applicable
	Passed    []Finding
}

func groupOf(id string) string {
	prefix, _, _ := strings.Cut(id, "-")
	return prefix
}

// groupTitle is a subject in words.
func groupTitle(id string) string {
	switch id {
	case "SSH":
		return "SSH"
	case "FW":
		return "Firewall"
	case "KRN":
		return "Kernel"
	case "SVC":
		return "Services"
	case "ACC":
		return "Accounts and sudo"
	case "PKG":
		return "Packages and updates"
	case "FS":
		return "Filesystem"
	case "LOG":
		return "Logs and time"
	case "K3S":
		return "K3s"
	case "EDG":
		return "The edge"
	}
	return id
}

// groups puts a node's findings in order: the subject with the worst finding
// first, and in it the worst finding first. What the baseline has is left out.
func (n Node) groups() []group {
	var out []group
	for _, f := range n.Findings {
		i := slices.IndexFunc(out, func(g group) bool { return g.ID == f.Group })
		if i < 0 {
			i = len(out)
			out = append(out, group{ID: f.Group, Title: groupTitle(f.Group)})
		}
		switch {
		case f.Known:
		case f.Status == hardening.Pass:
			out[i].Passed = append(out[i].Passed, f)
		case f.Status == hardening.NotApplicable:
			out[i].Excused = append(out[i].Excused, f)
		default:
			out[i].Open = append(out[i].Open, f)
		}
	}
	for _, g := range out {
		slices.SortStableFunc(g.Open, func(a, b Finding) int { return cmp.Compare(rank(a), rank(b)) })
	}
	slices.SortStableFunc(out, func(a, b group) int { return cmp.Compare(a.rank(), b.rank()) })
	return out
}

// rank is smaller for what is worse: by severity, and what fails before what
// is unknown. What is waived comes last.
func rank(f Finding) int {
	r := 10 * slices.Index(hardening.Severities(), f.Severity)
	switch f.Status {
	case hardening.Unknown:
		r++
	case hardening.Waived:
		r += 100
	}
	return r
}

func (g group) rank() int {
	if len(g.Open) == 0 {
		return 1000
	}
	return rank(g.Open[0])
}
