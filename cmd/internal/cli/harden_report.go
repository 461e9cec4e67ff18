package cli

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/k3sedge/k3sedge/hardening"
	"github.com/k3sedge/k3sedge/hardening/report"
	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/converge"
	"github.com/k3sedge/k3sedge/provision/machine"
)

// outlet is where the report of a check goes, and against what.
type outlet struct {
	format  string   // on standard output, "" for none
	files   []string // formats of the files
	dir     string
	earlier *report.Document
}

// outlet settles everything about the report before any node is asked.
func (o hardenOptions) outlet() (outlet, error) {
	for _, f := range o.formats {
		if !slices.Contains(report.Formats(), f) {
			return outlet{}, usagef("--format takes text, json, sarif, junit or html", "--format %q: there is no such choice", f)
		}
	}
	formats := slices.Compact(slices.Sorted(slices.Values(o.formats)))
	out := outlet{dir: o.reports}
	switch {
	case o.reports != "" && len(formats) == 0:
		out.format, out.files = "text", report.Formats()
	case o.reports != "":
		out.files = formats
	case len(formats) > 1:
		return outlet{}, usagef("name a folder for them: --report DIR", "%d formats do not fit into one output", len(formats))
	case len(formats) == 1:
		out.format = formats[0]
	case o.output == "json":
		out.format = "json"
	default:
		out.format = "text"
	}
	var err error
	if err = o.fleet.check(); err == nil && o.earlier != "" {
		out.earlier, err = readBaseline(o.earlier)
	}
	return out, err
}

func readBaseline(path string) (*report.Document, error) {
	// Never into path: what stands there may be the user's own.
	const hint = "k3sedge harden --check --format json > before.json writes one"
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, usagef(hint, "--baseline: %w", err)
	}
	d, err := report.ReadBaseline(data)
	if err != nil {
		return nil, usagef(hint, "--baseline %s: %w", path, err)
	}
	return &d, nil
}

// document is the report on what the audits found.
func (st *site) document(audits []audited, t targetOptions) report.Document {
	var seen []report.Seen
	for _, a := range audits {
		s := report.Seen{Node: a.Node, Findings: a.Findings}
		if a.Err != nil {
			s.Error, s.Hint = a.Err.Error(), hintOf(hinted(a))
		}
		seen = append(seen, s)
	}
	about := report.About{Version: readVersion().Version, Now: st.streams.Now(), Cluster: st.project.Cluster, Selection: t.selection()}
	return report.New(about, seen)
}

// write writes the report. What goes into files is complete before the first is written.
func (out outlet) write(s Streams, d report.Document) error {
	contents := make([][]byte, len(out.files))
	for i, format := range out.files {
		var b bytes.Buffer
		if err := report.Write(&b, format, d); err != nil {
			return err
		}
		contents[i] = b.Bytes()
	}
	for i, format := range out.files {
		// What a node lacks is nobody's business but its admins'.
		if err := inventory.Replace(filepath.Join(out.dir, report.FileName(format)), contents[i], 0o600); err != nil {
			return machine.WithHint(err, "name a folder that you may write to with --report")
		}
	}
	if len(out.files) > 0 {
		names := make([]string, len(out.files))
		for i, format := range out.files {
			names[i] = report.FileName(format)
		}
		fmt.Fprintf(s.Err, "written to %s: %s\n", out.dir, strings.Join(names, ", "))
	}
	if out.format == "" || out.format == "text" && !slices.ContainsFunc(d.Nodes, report.Node.Seen) {
		return nil // why is told with the outcome
	}
	return report.Write(s.Out, out.format, d)
}

// auditOutcome turns the reports into the exit code. A finding outweighs a gap.
func auditOutcome(s Streams, audits []audited, d report.Document, severity hardening.Severity) error {
	code := exitOK
	var blind []error
	for i, a := range audits {
		switch {
		case errors.Is(a.Err, errInterrupted):
			blind, code = append(blind, &converge.StepError{Subject: a.Node, Err: errInterrupted}), exitUnknown
		case a.Err != nil:
			blind, code = append(blind, &converge.StepError{Subject: a.Node, Err: hinted(a)}), exitUnknown
		case d.Nodes[i].Counts.Unknown > 0:
			code = exitUnknown
		}
	}
	printError(s.Err, errors.Join(blind...))
	if slices.ContainsFunc(d.Nodes, func(n report.Node) bool { return n.FailsAt(severity) }) {
		code = exitFindings
	}
	if code == exitOK {
		return nil
	}
	return outcome(code)
}

// hinted is why a node could not be looked at, with what to try where nobody
// nearer to the cause has said so.
func hinted(a audited) error {
	if hintOf(a.Err) != "" {
		return a.Err
	}
	return machine.WithHint(a.Err, "see whether you can log in to %s by hand and use sudo there, then run it again", a.Node)
}
