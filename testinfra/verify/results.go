package verify

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/k3sedge/k3sedge/hardening/report"
)

// The files of a results folder.
const (
	JUnitFile    = "junit.xml"
	MarkdownFile = "results.md"
)

type (
	junitSuite struct {
		XMLName  xml.Name    `xml:"testsuite"`
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Errors   int         `xml:"errors,attr"`
		Skipped  int         `xml:"skipped,attr"`
		Time     string      `xml:"time,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Name    string       `xml:"name,attr"`
		Class   string       `xml:"classname,attr"`
		Time    string       `xml:"time,attr"`
		Failure *junitReason `xml:"failure"`
		Error   *junitReason `xml:"error"`
		Skipped *junitReason `xml:"skipped"`
	}
	junitReason struct {
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
)

// Report is the results of a run and what they are about.
type Report struct {
	Cluster  string
	Machines []string // each in one line
	Began    time.Time
	Results  []Result
}

// Report is what the run has come to so far. Machines that cannot be read any
// more are told as such.
func (r *Run) Report() Report {
	out := Report{Cluster: r.cluster.Name, Began: r.began, Results: slices.Clone(r.results)}
	for _, n := range r.cluster.Nodes {
		m, known := r.about[n.Name]
		if !known {
			out.Machines = append(out.Machines, n.Name+": could not be read")
			continue
		}
		out.Machines = append(out.Machines, fmt.Sprintf("%s: %s, %s, virtualisation: %s", n.Name, m.OS, m.Kernel, m.Virt))
	}
	return out
}

// Count counts a verdict.
func (r Report) Count(v Verdict) (n int) {
	for _, res := range r.Results {
		if res.Verdict == v {
			n++
		}
	}
	return n
}

// Write writes JUnit and Markdown into a folder.
func (r Report) Write(dir string) error {
	var junit bytes.Buffer
	if err := r.JUnit(&junit); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make the results' folder: %w", err)
	}
	for name, content := range map[string][]byte{JUnitFile: junit.Bytes(), MarkdownFile: []byte(r.Markdown())} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			return fmt.Errorf("write the results: %w", err)
		}
	}
	return nil
}

// JUnit writes a test for each promise.
func (r Report) JUnit(w io.Writer) error {
	s := junitSuite{
		Name: "k3sedge-lab verify: " + r.Cluster, Tests: len(r.Results),
		Failures: r.Count(Broken), Errors: r.Count(Unseen), Skipped: r.Count(LeftOut),
	}
	var all time.Duration
	for _, res := range r.Results {
		all += res.Took
		c := junitCase{Name: res.Name, Class: r.Cluster, Time: seconds(res.Took)}
		reason := &junitReason{Message: firstLine(res.Reason), Text: res.Says + "\n" + res.Reason}
		switch res.Verdict {
		case Broken:
			c.Failure = reason
		case Unseen:
			c.Error = reason
		case LeftOut:
			c.Skipped = &junitReason{Message: firstLine(res.Reason)}
		}
		s.Cases = append(s.Cases, c)
	}
	s.Time = seconds(all)
	return report.WriteXML(w, s)
}

// Markdown is a short page with a table.
func (r Report) Markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Verification of %s\n\n%s\n\n", r.Cluster, r.Began.UTC().Format("2006-01-02 15:04 MST"))
	for _, m := range r.Machines {
		fmt.Fprintf(&b, "- %s\n", m)
	}
	fmt.Fprintf(&b, "\n%s.\n\n| promise | verdict | seconds | |\n| --- | --- | ---: | --- |\n", r.summary())
	for _, res := range r.Results {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", res.Name, res.Verdict, seconds(res.Took), cell(res.Reason))
	}
	return b.String()
}

// Table writes the results for people.
func (r Report) Table(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "PROMISE\tVERDICT\tSECONDS\tWHY")
	for _, res := range r.Results {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", res.Name, res.Verdict, seconds(res.Took), firstLine(res.Reason))
	}
	fmt.Fprintln(t, r.summary())
	return t.Flush()
}

func (r Report) summary() string {
	return fmt.Sprintf("%d kept, %d broken, %d could not be looked at, %d left out", r.Count(Kept), r.Count(Broken), r.Count(Unseen), r.Count(LeftOut))
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f", d.Seconds()) }

func firstLine(text string) string {
	line, rest, more := strings.Cut(text, "\n")
	if more {
		line += fmt.Sprintf(" (and %d more)", strings.Count(rest, "\n")+1)
	}
	return line
}

// cell is a text in a table of Markdown.
func cell(text string) string {
	return strings.NewReplacer("|", `\|`, "\n", "<br>", "<", "&lt;").Replace(text)
}
