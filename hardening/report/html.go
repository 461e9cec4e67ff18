package report

import (
	"cmp"
	"embed"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"

	"github.com/k3sedge/k3sedge/hardening"
)

//go:embed html
var page embed.FS

// htmlPage is what the template is given.
type htmlPage struct {
	Document
	Style    template.CSS
	Script   template.JS
	Formula  string
	Statuses []htmlChoice
	Sevs     []htmlChoice
	Shared   []sharedFinding
}

// htmlChoice is a filter with the number of findings that it is about.
type htmlChoice struct {
	Name, Label string
	Count       int
}

// sharedFinding is a control and all nodes on which it fails.
type sharedFinding struct {
	ID, Title string
	Severity  hardening.Severity
	Nodes     []string
}

// writeHTML writes one file that needs no other: style and script stand in it,
// and its own policy forbids the browser to fetch anything.
func writeHTML(w io.Writer, d Document) error {
	t, err := template.New("report.html").Funcs(template.FuncMap{
		"groups": Node.groups, "waiver": waiverText, "key": key,
		"join": strings.Join, "show": printable, "ticks": func(s string) []string { return strings.Split(printable(s), "`") }, "odd": func(i int) bool { return i%2 == 1 }, "lines": printableLines, "counts": countsText,
		"failing": func(n Node, s hardening.Severity) int { return count(n, hardening.Fail, s) },
		"sevs":    hardening.Severities,
	}).ParseFS(page, "html/report.html")
	if err != nil {
		return err
	}
	style, err := page.ReadFile("html/report.css")
	if err != nil {
		return err
	}
	script, err := page.ReadFile("html/report.js")
	if err != nil {
		return err
	}
	p := htmlPage{Document: d, Style: template.CSS(style), Script: template.JS(script), Formula: strings.ReplaceAll(Formula, "\n", " "), Shared: shared(d)}
	for _, s := range []hardening.Status{hardening.Fail, hardening.Unknown, hardening.Waived, hardening.NotApplicable, hardening.Pass} {
		p.Statuses = append(p.Statuses, htmlChoice{key(string(s)), string(s), d.sum(func(f Finding) bool { return f.Status == s })})
	}
	for _, s := range hardening.Severities() {
		p.Sevs = append(p.Sevs, htmlChoice{string(s), string(s), d.sum(func(f Finding) bool { return f.Severity == s })})
	}
	return t.Execute(w, p)
}

// key is a word as a class of the page.
func key(s string) string { return strings.ReplaceAll(s, " ", "-") }

func (d Document) sum(is func(Finding) bool) int {
	n := 0
	for _, node := range d.Nodes {
		for _, f := range node.Findings {
			if !f.Known && is(f) {
				n++
			}
		}
	}
	return n
}

func count(n Node, status hardening.Status, s hardening.Severity) int {
	return Document{Nodes: []Node{n}}.sum(func(f Finding) bool { return f.Status == status && f.Severity == s })
}

// shared gathers what fails by control; the worst and the most common first.
func shared(d Document) []sharedFinding {
	var out []sharedFinding
	for _, n := range d.Nodes {
		for _, f := range n.Findings {
			if f.Known || f.Status != hardening.Fail {
				continue
			}
			i := slices.IndexFunc(out, func(s sharedFinding) bool { return s.ID == f.ID })
			if i < 0 {
				i = len(out)
				out = append(out, sharedFinding{ID: f.ID, Title: f.Title, Severity: f.Severity})
			}
			out[i].Nodes = append(out[i].Nodes, n.Name)
			if f.Severity.AtLeast(out[i].Severity) {
				out[i].Severity = f.Severity
			}
		}
	}
	slices.SortStableFunc(out, func(a, b sharedFinding) int {
		return cmp.Or(cmp.Compare(slices.Index(hardening.Severities(), a.Severity), slices.Index(hardening.Severities(), b.Severity)), cmp.Compare(len(b.Nodes), len(a.Nodes)))
	})
	return out
}

// Where says on which nodes it fails, shortly.
func (s sharedFinding) Where(all int) string {
	switch n := len(s.Nodes); {
	case n == all && n > 1:
		return "all nodes"
	case n > 4:
		return fmt.Sprintf("%s and %d more", strings.Join(s.Nodes[:3], ", "), n-3)
	}
	return strings.Join(s.Nodes, ", ")
}
