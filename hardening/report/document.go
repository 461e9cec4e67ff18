package report

import (
	"slices"
	"time"

	"github.com/k3sedge/k3sedge/hardening"
	"github.com/k3sedge/k3sedge/inventory"
)

// The format of the JSON report. Within one apiVersion fields are added, and
// none is taken away or changes its meaning.
const (
	APIVersion = "k3sedge.dev/v1"
	Kind       = "HardeningReport"
)

// Document is a report on all nodes.
type Document struct {
	APIVersion string            `json:"apiVersion"`
	Kind       string            `json:"kind"`
	Tool       Tool              `json:"tool"`
	Time       time.Time         `json:"time"`
	Cluster    string            `json:"cluster"`
	Profile    inventory.Profile `json:"profile"`
	Only       []string          `json:"only,omitempty"` // the selection, where there was one
	Skip       []string          `json:"skip,omitempty"`
	Baseline   *Earlier          `json:"baseline,omitempty"`
	Score      Score             `json:"score"`
	Waivers    []Waiver          `json:"waivers"`
	Nodes      []Node            `json:"nodes"`
}

// Tool is the program that made the report.
type Tool struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// Earlier is the report against which this one tells only what is new.
type Earlier struct {
	Time time.Time `json:"time"`
}

// Waiver is one of the file's waivers, whether or not anything needed it.
type Waiver struct {
	ID   string `json:"id"`
	Node string `json:"node"`
	hardening.Waiver
}

// Node is what is said of one node: findings, or why it could not be looked at.
type Node struct {
	Name     string           `json:"node"`
	Error    string           `json:"error,omitempty"`
	Hint     string           `json:"hint,omitempty"`
	Score    Score            `json:"score"`
	Counts   hardening.Counts `json:"counts"`
	Known    int              `json:"known"` // findings that the baseline has too; Counts leaves them out
	Findings []Finding        `json:"findings"`
}

// Finding is what one control says about one node.
type Finding struct {
	hardening.Finding
	Group string `json:"group"`
	// Known is a failure, or a gap, that the baseline has too.
	Known bool `json:"known,omitempty"`
}

// Seen is what an audit of one node came to.
type Seen struct {
	Node     string
	Findings []hardening.Finding
	// Error says why the node could not be looked at, Hint what to try.
	Error, Hint string
}

// About is what a report says of itself.
type About struct {
	Version   string // of k3sedge
	Now       time.Time
	Cluster   inventory.Cluster
	Selection hardening.Selection
}

// New puts the audits of all nodes into a document.
func New(a About, seen []Seen) Document {
	d := Document{
		APIVersion: APIVersion, Kind: Kind, Tool: Tool{"k3sedge", a.Version}, Time: a.Now.UTC().Truncate(time.Second),
		Cluster: a.Cluster.Name, Profile: a.Cluster.Hardening.Profile, Only: a.Selection.Only, Skip: a.Selection.Skip,
		Waivers: []Waiver{}, Nodes: []Node{},
	}
	for _, w := range a.Cluster.Waivers {
		d.Waivers = append(d.Waivers, Waiver{w.ID, w.Node, hardening.WaiverOf(w, a.Now)})
	}
	for _, s := range seen {
		d.Nodes = append(d.Nodes, newNode(s))
	}
	d.Score = overall(d.Nodes)
	return d
}

func newNode(s Seen) Node {
	n := Node{Name: s.Node, Error: s.Error, Hint: s.Hint, Findings: []Finding{}}
	for _, f := range s.Findings {
		for _, list := range []*[]string{&f.Evidence, &f.Refs, &f.Mend} {
			if *list == nil {
				*list = []string{} // programs need not tell null from an empty list
			}
		}
		n.Findings = append(n.Findings, Finding{Finding: f, Group: groupOf(f.ID)})
	}
	n.Score = scoreOf(n)
	n.count()
	return n
}

// count counts the answers, without those that are known.
func (n *Node) count() {
	n.Known = 0
	r := hardening.Report{}
	for _, f := range n.Findings {
		if f.Known {
			n.Known++
			continue
		}
		r.Findings = append(r.Findings, f.Finding)
	}
	n.Counts = r.Counts()
}

// Seen reports whether the node was looked at.
func (n Node) Seen() bool { return n.Error == "" }

// FailsAt reports whether a control of at least this severity fails that the
// baseline, if there is one, does not have.
func (n Node) FailsAt(s hardening.Severity) bool {
	return slices.ContainsFunc(n.Findings, func(f Finding) bool {
		return f.Status == hardening.Fail && !f.Known && f.Severity.AtLeast(s)
	})
}
