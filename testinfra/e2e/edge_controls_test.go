//go:build linux

package e2e

import (
	"encoding/json"
	"strings"
	"testing"
)

// k3sHolds: what `up` has made holds the controls on K3s, tried at its ports
// and asked of its API, on both nodes.
func k3sHolds(t *testing.T, e *edge) {
	r := e.k3sedge("harden", "--check", "--only", "K3S", "--format", "json")
	var document struct {
		Nodes []struct {
			Node     string
			Findings []struct {
				ID, Status string
				Evidence   []string
			}
		}
	}
	if err := json.Unmarshal([]byte(r.stdout), &document); err != nil {
		t.Fatalf("%v\n%s%s", err, r.stdout, r.stderr)
	}
	judged := 0
	for _, n := range document.Nodes {
		for _, f := range n.Findings {
			judged++
			t.Logf("%s %s %s: %s", n.Node, f.ID, f.Status, strings.Join(f.Evidence, "; "))
			if f.Status != "pass" && f.Status != "not applicable" {
				t.Errorf("%s: %s is %s: %q", n.Node, f.ID, f.Status, f.Evidence)
			}
		}
	}
	if judged != 2*13 {
		t.Errorf("%d verdicts on two nodes", judged)
	}
}
