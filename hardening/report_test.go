package hardening

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

func TestGoldenTextOfAReport(t *testing.T) {
	t.Parallel()
	p := testPolicy(t)
	f := hardened(t, p)
	setCells(f, p, map[string]string{"passwordauthentication": "yes"})
	f.Files[sshdDropIn] = facts.File{}
	f.Units = nil
	r := Judge(f, p)
	r.Findings = append(r.Findings, Finding{ID: "TST-01", Title: "Not here", Severity: Low, Status: NotApplicable, Evidence: []string{"a container"}})
	var b strings.Builder
	if err := WriteText(&b, r); err != nil {
		t.Fatal(err)
	}
	golden(t, "report.txt", b.String())
}

func TestTheJSONOfAReport(t *testing.T) {
	t.Parallel()
	p := testPolicy(t)
	out, err := json.Marshal(Judge(stock(t, p), p))
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
	if got.Node != "node-1" || got.Counts.Fail != 22 || got.Counts.Pass != len(Controls())-22 || len(got.Findings) != len(Controls()) {
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

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errDiskFull }

func TestAReportThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	if err := WriteText(full{}, Report{}); !errors.Is(err, errDiskFull) {
		t.Error(err)
	}
}
