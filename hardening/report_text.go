package hardening

import (
	"fmt"
	"io"
	"strings"
)

// WriteText shows a report to a person: what fails and what is unknown in
// full, the rest in a line each.
func WriteText(w io.Writer, r Report) error {
	n := r.Counts()
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %d pass, %d fail, %d unknown, %d not applicable\n", r.Node, n.Pass, n.Fail, n.Unknown, n.NotApplicable)
	for _, status := range []Status{Fail, Unknown, Waived, NotApplicable, Pass} {
		for _, f := range r.With(status) {
			writeFinding(&b, f)
		}
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}

// shownEvidence is how many lines of evidence a person is shown at once.
const shownEvidence = 4

func writeFinding(b *strings.Builder, f Finding) {
	label := string(f.Status)
	if f.Status == NotApplicable {
		label = "n/a"
	}
	fmt.Fprintf(b, "%-8s %s  %s (%s)\n", label, f.ID, f.Title, f.Severity)
	if f.Status == Pass {
		return
	}
	line := func(label, text string) { fmt.Fprintf(b, "         %-5s %s\n", label, text) }
	if f.Status == Fail {
		line("why", f.Why)
		line("have", f.Have)
		line("want", f.Want)
	}
	for _, e := range f.Evidence[:min(len(f.Evidence), shownEvidence)] {
		line("seen", strings.ReplaceAll(e, "\n", "; "))
	}
	if more := len(f.Evidence) - shownEvidence; more > 0 {
		line("", fmt.Sprintf("and %d more; --format json has all", more))
	}
	for _, m := range f.Mend {
		line("mend", m)
	}
}
