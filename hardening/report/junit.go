package report

import (
	"encoding/xml"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/k3sedge/k3sedge/hardening"
)

type (
	junitSuites struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Name     string       `xml:"name,attr"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Errors   int          `xml:"errors,attr"`
		Skipped  int          `xml:"skipped,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name       string          `xml:"name,attr"`
		Tests      int             `xml:"tests,attr"`
		Failures   int             `xml:"failures,attr"`
		Errors     int             `xml:"errors,attr"`
		Skipped    int             `xml:"skipped,attr"`
		Timestamp  string          `xml:"timestamp,attr"`
		Properties []junitProperty `xml:"properties>property"`
		Cases      []junitCase     `xml:"testcase"`
	}
	junitProperty struct {
		Name  string `xml:"name,attr"`
		Value string `xml:"value,attr"`
	}
	junitCase struct {
		Name    string       `xml:"name,attr"`
		Class   string       `xml:"classname,attr"`
		Failure *junitReason `xml:"failure"`
		Error   *junitReason `xml:"error"`
		Skipped *junitReason `xml:"skipped"`
	}
	junitReason struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr,omitempty"`
		Text    string `xml:",chardata"`
	}
)

// writeJUnit makes a suite of each subject, and a test of each control on each
// node. What a baseline has is left out.
func writeJUnit(w io.Writer, d Document) error {
	all := junitSuites{Name: "k3sedge harden --check: " + d.Cluster}
	blind := all.suite(d, "nodes")
	for _, n := range d.Nodes {
		c := junitCase{Name: "can be looked at", Class: n.Name}
		if !n.Seen() {
			c.Error = &junitReason{Message: n.Error, Type: "could not look", Text: n.Hint}
		}
		all.add(blind, c)
	}
	for _, n := range d.Nodes {
		for _, f := range n.Findings {
			if !f.Known {
				all.add(all.suite(d, groupTitle(f.Group)), junitCaseOf(n, f))
			}
		}
	}
	return WriteXML(w, all)
}

// WriteXML writes an XML document as JUnit's readers expect it: with its
// header, indented, one line at the end.
func WriteXML(w io.Writer, document any) error {
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	enc := xml.NewEncoder(w)
	enc.Indent("", "  ")
	if err := enc.Encode(document); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

// suite returns the index of the suite of that name, which it makes if need be.
func (all *junitSuites) suite(d Document, name string) int {
	if i := slices.IndexFunc(all.Suites, func(s junitSuite) bool { return s.Name == name }); i >= 0 {
		return i
	}
	all.Suites = append(all.Suites, junitSuite{
		Name: name, Timestamp: d.Time.Format("2006-01-02T15:04:05"),
		Properties: []junitProperty{{"k3sedge", d.Tool.Version}, {"cluster", d.Cluster}, {"profile", string(d.Profile)}, {"score", d.Score.text()}},
	})
	return len(all.Suites) - 1
}

func (all *junitSuites) add(suite int, c junitCase) {
	s := &all.Suites[suite]
	s.Cases = append(s.Cases, c)
	s.Tests, all.Tests = s.Tests+1, all.Tests+1
	switch {
	case c.Failure != nil:
		s.Failures, all.Failures = s.Failures+1, all.Failures+1
	case c.Error != nil:
		s.Errors, all.Errors = s.Errors+1, all.Errors+1
	case c.Skipped != nil:
		s.Skipped, all.Skipped = s.Skipped+1, all.Skipped+1
	}
}

func junitCaseOf(n Node, f Finding) junitCase {
	c := junitCase{Name: f.ID + " " + f.Title, Class: n.Name}
	evidence := strings.Join(f.Evidence, "\n")
	switch f.Status {
	case hardening.Fail:
		text := fmt.Sprintf("why: %s\nhave: %s\nwant: %s\n", f.Why, f.Have, f.Want)
		for _, m := range f.Mend {
			text += "do: " + m + "\n"
		}
		if f.Waiver != nil {
			text += "waiver: " + waiverText(*f.Waiver) + "\n"
		}
		c.Failure = &junitReason{Message: messageOf(n, f), Type: string(f.Severity), Text: text + "\n" + evidence}
	case hardening.Unknown:
		c.Error = &junitReason{Message: "could not be looked at", Type: "unknown", Text: evidence}
	case hardening.Waived:
		c.Skipped = &junitReason{Message: "waived: " + waiverText(*f.Waiver)}
	case hardening.NotApplicable:
		c.Skipped = &junitReason{Message: "not applicable: " + strings.ReplaceAll(evidence, "\n", "; ")}
	}
	return c
}
