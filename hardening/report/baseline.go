package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/k3sedge/k3sedge/hardening"
)

// ErrBaseline is a file that cannot serve as a baseline.
var ErrBaseline = errors.New("not a JSON report of k3sedge")

// ReadBaseline reads an earlier JSON report.
func ReadBaseline(data []byte) (Document, error) {
	var d Document
	if err := json.Unmarshal(data, &d); err != nil {
		return Document{}, fmt.Errorf("%w: %w", ErrBaseline, err)
	}
	switch {
	case d.Kind != Kind || d.Time.IsZero():
		return Document{}, ErrBaseline
	case d.APIVersion != APIVersion:
		return Document{}, fmt.Errorf("%w of this version: it is %q, wanted %q", ErrBaseline, d.APIVersion, APIVersion)
	}
	return d, nil
}

// Against marks what the earlier report has too. A failure is known if the
// same control failed on the same node and was no milder; a gap is known if
// there was a gap, or a failure, before.
func (d Document) Against(earlier Document) Document {
	d.Baseline = &Earlier{earlier.Time}
	d.Nodes = slices.Clone(d.Nodes)
	for i := range d.Nodes {
		n := &d.Nodes[i]
		n.Findings = slices.Clone(n.Findings)
		for j, f := range n.Findings {
			before, ok := earlier.finding(n.Name, f.ID)
			n.Findings[j].Known = ok && isKnown(f, before)
		}
		n.count()
	}
	return d
}

func isKnown(now, before Finding) bool {
	switch now.Status {
	case hardening.Fail:
		return before.Status == hardening.Fail && before.Severity.AtLeast(now.Severity)
	case hardening.Unknown:
		return before.Status == hardening.Fail || before.Status == hardening.Unknown
	}
	return false
}

func (d Document) finding(node, id string) (Finding, bool) {
	for _, n := range d.Nodes {
		if n.Name != node {
			continue
		}
		for _, f := range n.Findings {
			if f.ID == id {
				return f, true
			}
		}
	}
	return Finding{}, false
}
