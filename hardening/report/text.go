package report

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"

	"github.com/k3sedge/k3sedge/hardening"
)

// writeText shows a report to a person: what needs one in full, by subject and
// the worst first, and the rest in as few lines as possible.
func writeText(w io.Writer, d Document) error {
	t := textWriter{}
	for i, n := range d.Nodes {
		if i > 0 {
			t.line("")
		}
		t.node(n)
	}
	t.waivers(d.Waivers)
	if len(d.Nodes) > 1 {
		t.line("")
		t.line("all nodes: " + d.Score.text())
	}
	if d.Baseline != nil {
		t.line(fmt.Sprintf("only what is new since the report of %s is shown and counted", d.Baseline.Time.Format("2006-01-02 15:04 MST")))
	}
	_, err := io.WriteString(w, t.String())
	return err
}

type textWriter struct{ strings.Builder }

func (t *textWriter) line(s string) { t.WriteString(strings.TrimRight(s, " ") + "\n") }

// text is a score in words.
func (s Score) text() string {
	switch {
	case s.Grade == noGrade:
		return "nothing was judged"
	case s.Cap != "":
		return fmt.Sprintf("grade %s, %d of 100 points (at most %s: %s)", s.Grade, s.Points, s.Grade, s.Cap)
	}
	return fmt.Sprintf("grade %s, %d of 100 points", s.Grade, s.Points)
}

func countsText(n Node) string {
	c := n.Counts
	out := fmt.Sprintf("%d pass, %d fail, %d unknown, %d waived, %d not applicable", c.Pass, c.Fail, c.Unknown, c.Waived, c.NotApplicable)
	if n.Known > 0 {
		out += fmt.Sprintf("; %d known", n.Known)
	}
	return out
}

func (t *textWriter) node(n Node) {
	if !n.Seen() {
		t.line(n.Name + ": could not be looked at")
		return
	}
	t.line(n.Name + ": " + n.Score.text())
	t.line(n.Name + ": " + countsText(n))
	groups := n.groups()
	for _, g := range groups {
		if len(g.Open) == 0 {
			continue
		}
		t.line("")
		t.line(g.Title)
		for _, f := range g.Open {
			t.finding(f)
		}
	}
	t.quiet(groups)
}

// quiet are the lines of what needs nobody.
func (t *textWriter) quiet(groups []group) {
	var passed []string
	var reasons []string
	excused := map[string][]string{}
	for _, g := range groups {
		for _, f := range g.Excused {
			why := printable(strings.Join(f.Evidence, "; "))
			if excused[why] == nil {
				reasons = append(reasons, why)
			}
			excused[why] = append(excused[why], f.ID)
		}
		for _, f := range g.Passed {
			passed = append(passed, f.ID)
		}
	}
	if len(reasons)+len(passed) > 0 {
		t.line("")
	}
	for _, why := range reasons {
		t.list("n/a", excused[why], why)
	}
	t.list("pass", passed, "")
}

// list writes IDs, several in a line, and what they have in common.
func (t *textWriter) list(label string, ids []string, why string) {
	const inLine = 12
	for len(ids) > 0 {
		n := min(len(ids), inLine)
		t.line(fmt.Sprintf("%-8s %s", label, strings.Join(ids[:n], " ")))
		ids, label = ids[n:], ""
	}
	if why != "" {
		t.line("         why    " + why)
	}
}

// shownEvidence is how many lines of evidence a person is shown at once.
const shownEvidence = 4

func (t *textWriter) finding(f Finding) {
	t.line(fmt.Sprintf("%-8s %s  %s (%s)", f.Status, f.ID, f.Title, f.Severity))
	detail := func(label, text string) {
		if text != "" {
			t.line(fmt.Sprintf("         %-6s %s", label, printable(text)))
		}
	}
	if f.Status == hardening.Fail {
		detail("why", f.Why)
		detail("have", f.Have)
		detail("want", f.Want)
	}
	for _, e := range f.Evidence[:min(len(f.Evidence), shownEvidence)] {
		detail("seen", strings.ReplaceAll(e, "\n", "; "))
	}
	if more := len(f.Evidence) - shownEvidence; more > 0 {
		t.line(fmt.Sprintf("                and %d more; --format json has all", more))
	}
	if w := f.Waiver; w != nil {
		detail("waiver", waiverText(*w))
	}
	if f.Status == hardening.Waived {
		return
	}
	for _, m := range f.Mend {
		detail("do", m)
	}
}

// waiverText says who accepts what until when, or that it is over.
func waiverText(w hardening.Waiver) string {
	if w.Expired {
		return fmt.Sprintf("expired after %s and excuses nothing any more (%s: %s)", w.Expires, w.Owner, w.Reason)
	}
	return fmt.Sprintf("until %s, %s: %s", w.Expires, w.Owner, w.Reason)
}

func (t *textWriter) waivers(all []Waiver) {
	if len(all) == 0 {
		return
	}
	t.line("")
	t.line("Waivers")
	for _, w := range all {
		t.line(fmt.Sprintf("%-8s %s on %s: %s", map[bool]string{false: "waiver", true: "expired"}[w.Expired], w.ID, w.whom(), printable(waiverText(w.Waiver))))
	}
}

// whom is the waiver's node in words.
func (w Waiver) whom() string {
	if w.Node == "*" {
		return "all nodes"
	}
	return w.Node
}

// printableLines are lines of evidence, a line each.
func printableLines(lines []string) string {
	out := strings.Split(strings.Join(lines, "\n"), "\n")
	for i, line := range out {
		out[i] = printable(line)
	}
	return strings.Join(out, "\n")
}

// printable keeps what a node says from steering the terminal.
func printable(s string) string {
	if strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) < 0 {
		return s
	}
	quoted := strconv.QuoteToGraphic(s)
	return strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`)
}
