//go:build linux

package e2e

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/k3sedge/k3sedge/hardening"
)

// TestTheCatalogueOnAStockMachine audits a Debian machine as cloud-init leaves
// it, hardens it and audits it again: what still does not hold is named, each
// with its reason, and a second run writes nothing.
func TestTheCatalogueOnAStockMachine(t *testing.T) {
	s := newLab(t, "e2e-catalogue")
	s.becomeExisting("10.77.0.21", "10.77.0.22")
	for _, n := range s.cluster.Nodes {
		fingerprint := s.consoleFingerprint(n)
		eventually(t, n.Name+" listens", time.Minute, func() bool { return s.connect(n.Address.String(), "22") == "open" })
		s.must(0, "trust", n.Name, "--fingerprint", fingerprint)
	}
	before := s.findings(3)
	s.must(0, "harden")
	s.onNode(0, "touch /tmp/e2e-mark")
	state := s.onNode(0, marks)
	s.must(0, "harden")
	if again := s.onNode(0, marks); again != state {
		t.Errorf("the second run touched the node:\nbefore %s\nafter %s", state, again)
	}
	after := s.findings(-1)
	for _, f := range after {
		t.Logf("%-8s -> %-14s %s  %s: %s", statusOf(before, f.ID), f.Status, f.ID, f.Title, strings.Join(f.Evidence, " | "))
		if f.Status != hardening.Pass && len(f.Evidence) == 0 {
			t.Errorf("%s is %s without a reason", f.ID, f.Status)
		}
		if f.Status == hardening.Fail && f.Kept {
			t.Errorf("%s is kept by k3sedge and fails after harden: %q, %q", f.ID, f.Evidence, f.Mend)
		}
	}
}

func statusOf(findings []hardening.Finding, id string) hardening.Status {
	for _, f := range findings {
		if f.ID == id {
			return f.Status
		}
	}
	return ""
}

// findings are those of the first node, by `harden --check`. A negative code
// takes any.
func (s *site) findings(code int) []hardening.Finding {
	s.t.Helper()
	r := s.k3sedge("harden", "--check", "--format", "json")
	if code >= 0 && r.code != code {
		s.t.Fatalf("harden --check: exit %d, want %d\n%s", r.code, code, r.stderr)
	}
	var doc struct {
		Nodes []struct{ Findings []hardening.Finding }
	}
	if err := json.Unmarshal([]byte(r.stdout), &doc); err != nil || len(doc.Nodes) == 0 {
		s.t.Fatalf("harden --check --format json: %v\n%s%s", err, r.stdout, r.stderr)
	}
	return doc.Nodes[0].Findings
}
