package cli

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/k3sedge/k3sedge/hardening"
	"github.com/k3sedge/k3sedge/inventory"
)

// reportOf is one control each of the statuses.
func reportOf(node string, statuses ...hardening.Status) audited {
	r := hardening.Report{Node: node}
	for i, s := range statuses {
		severity := hardening.Medium
		if s == hardening.Unknown {
			severity = hardening.High // weighty enough not to go on
		}
		r.Findings = append(r.Findings, hardening.Finding{ID: fmt.Sprintf("TST-%02d", i), Severity: severity, Status: s, Kept: true})
	}
	return audited{Report: r}
}

func testNodes(names ...string) []inventory.Node {
	var nodes []inventory.Node
	for i, name := range names {
		nodes = append(nodes, inventory.Node{Name: name, Role: inventory.Agent, Address: netip.AddrFrom4([4]byte{10, 0, 0, byte(11 + i)})})
	}
	return nodes
}

func TestProofIsATable(t *testing.T) {
	t.Parallel()
	blind := audited{Err: errors.New("connection refused")}
	advised := reportOf("edge-5", hardening.Pass, hardening.Fail, hardening.Fail, hardening.Waived)
	for i := range advised.Findings {
		advised.Findings[i].Kept = false // only reported, so that it fails no run
	}
	p, errs := newProof(testNodes("edge-1", "edge-2", "edge-3", "edge-4", "edge-5"), []audited{
		reportOf("edge-1", hardening.Pass, hardening.Pass, hardening.NotApplicable), reportOf("edge-2", hardening.Pass, hardening.Fail, hardening.Unknown), blind,
		reportOf("edge-4"), // nothing was asked, so nothing is proven
		advised,
	})
	p.Stages = []stageTime{{"image", 0.04}, {"machines", 61.26}}
	var out bytes.Buffer
	if err := p.writeText(&out); err != nil {
		t.Fatal(err)
	}
	const want = `
NODE    ROLE   ADDRESS    COMPLIANT  CONTROLS
edge-1  agent  10.0.0.11  yes        2 pass, 1 not applicable
edge-2  agent  10.0.0.12  no         1 pass, 1 fail, 1 unknown, 0 not applicable
edge-3  agent  10.0.0.13  no         0 pass, 0 fail, 0 unknown, 0 not applicable
edge-4  agent  10.0.0.14  no         0 pass, 0 fail, 0 unknown, 0 not applicable
edge-5  agent  10.0.0.15  yes        1 pass, 2 left to you (harden --check), 1 waived, 0 not applicable

STAGE     TIME
image     0.0s
machines  61.3s
`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
	if got := fmt.Sprint(errs); got != "[edge-2: 1 controls fail, 1 are unknown edge-3: connection refused edge-4: 0 controls fail, 0 are unknown]" {
		t.Errorf("what does not hold: %s", got)
	}
}

func TestAuditOutcome(t *testing.T) {
	t.Parallel()
	good := reportOf("edge-1", hardening.Pass, hardening.NotApplicable)
	bad := reportOf("edge-2", hardening.Pass, hardening.Fail)
	half := reportOf("edge-2", hardening.Pass, hardening.Unknown)
	blind := audited{Report: hardening.Report{Node: "edge-2"}, Err: errors.New("boom")}
	for name, tc := range map[string]struct {
		audits []audited
		least  hardening.Severity
		want   int
		says   string
	}{
		"compliant":                 {[]audited{good}, hardening.Low, exitOK, ""},
		"a finding":                 {[]audited{good, bad}, hardening.Low, exitFindings, ""},
		"a finding at the severity": {[]audited{good, bad}, hardening.Medium, exitFindings, ""},
		"a finding below it":        {[]audited{good, bad}, hardening.High, exitOK, ""},
		"a gap":                     {[]audited{good, half}, hardening.Low, exitUnknown, ""},
		"a gap below the severity":  {[]audited{good, half}, hardening.Critical, exitUnknown, ""},
		"a finding outweighs a gap": {[]audited{blind, bad}, hardening.Low, exitFindings, "error: edge-2: boom"},
		"nobody there":              {[]audited{good, blind}, hardening.Low, exitUnknown, "hint: see whether you can log in to edge-2 by hand"},
	} {
		var errs bytes.Buffer
		err := auditOutcome(testStreams(nil, &errs), tc.audits, (&site{streams: testStreams(nil, nil)}).document(tc.audits, targetOptions{}), tc.least)
		if codeOf(err) != tc.want || !strings.Contains(errs.String(), tc.says) || (tc.says == "") != (errs.Len() == 0) {
			t.Errorf("%s: exit %d, want %d; %q", name, codeOf(err), tc.want, errs.String())
		}
	}
}
