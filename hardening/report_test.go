package hardening

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestTheJSONOfAReport(t *testing.T) {
	t.Parallel()
	p := testPolicy(t)
	report := Judge(stock(t, p), p)
	out, err := json.Marshal(report)
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Node     string
		Counts   Counts
		Findings []Finding
	}
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatal(err)
	}
	if got.Node != "node-1" || got.Counts.Fail < 20 || got.Counts != report.Counts() || len(got.Findings) != len(Controls()) {
		t.Errorf("report %+v", got.Counts)
	}
	if out, err := json.Marshal(Report{}); err != nil || !strings.Contains(string(out), `"findings":[]`) {
		t.Errorf("empty report: %s, %v", out, err)
	}
}

func TestFailsAt(t *testing.T) {
	t.Parallel()
	r := Report{Findings: []Finding{{Severity: Critical, Status: Pass}, {Severity: Medium, Status: Fail}, {Severity: High, Status: Unknown}}}
	if r.FailsAt(High) || !r.FailsAt(Medium) || !r.FailsAt(Low) {
		t.Error("a medium failure is at least medium and low, and not high")
	}
}
