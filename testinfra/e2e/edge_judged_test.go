//go:build linux

package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// edgeVerdicts are the statuses of the edge's controls, told once where all
// nodes agree.
func (e *edge) edgeVerdicts(args ...string) map[string]string {
	e.t.Helper()
	r := e.k3sedge(append([]string{"harden", "--check", "--only", "EDG", "--format", "json"}, args...)...)
	var doc struct {
		Nodes []struct {
			Findings []struct {
				ID, Status string
				Evidence   []string
			}
		}
	}
	if err := json.Unmarshal([]byte(r.stdout), &doc); err != nil || len(doc.Nodes) != len(e.cluster.Nodes) {
		e.t.Fatalf("%v, exit %d: %s\n%s", err, r.code, r.stdout, r.stderr)
	}
	out := map[string]string{}
	for _, n := range doc.Nodes {
		for _, f := range n.Findings {
			if have, seen := out[f.ID]; seen && have != f.Status {
				out[f.ID] = have + " and " + f.Status
				continue
			}
			out[f.ID] = f.Status
			if f.Status != "pass" {
				e.t.Logf("%s is %s: %s", f.ID, f.Status, strings.Join(f.Evidence, "; "))
			}
		}
	}
	return out
}

const (
	defaultTLS = "/apis/traefik.io/v1alpha1/namespaces/k3sedge-system/tlsoptions/default"
	sliceToAPI = "/apis/discovery.k8s.io/v1/namespaces/edge-site/endpointslices"
)

// edgeJudged: the edge holds all that is demanded; what is broken in it is
// found on every node, and one `up` mends it.
func edgeJudged(t *testing.T, e *edge) {
	sound := func(verdicts map[string]string) (not []string) {
		for n := range 7 {
			if id := fmt.Sprintf("EDG-%02d", n+1); verdicts[id] != "pass" {
				not = append(not, id+" is "+verdicts[id])
			}
		}
		return not
	}
	began := time.Now()
	verdicts := e.edgeVerdicts()
	t.Logf("the edge's controls took %.2f s", time.Since(began).Seconds())
	if not := sound(verdicts); len(not) > 0 {
		t.Fatalf("not sound: %v", not)
	}
	for _, id := range []string{"EDG-08", "EDG-09"} {
		if verdicts[id] != "not applicable" {
			t.Errorf("%s is %s", id, verdicts[id])
		}
	}
	// The operator's machine is in the servers' network, and reaches them.
	if v := e.edgeVerdicts("--profile", "strict"); v["EDG-08"] != "fail" {
		t.Errorf("EDG-08 in profile strict is %s", v["EDG-08"])
	}
	if r := e.kube("DELETE", defaultTLS, ""); r.status != http.StatusOK {
		t.Fatalf("delete the TLS options: %s", r)
	}
	if r := e.kube("POST", sliceToAPI, `{"apiVersion":"discovery.k8s.io/v1","kind":"EndpointSlice","addressType":"IPv4",
		"metadata":{"name":"inside","labels":{"kubernetes.io/service-name":"site"}},"ports":[{"name":"http","port":6443}],"endpoints":[{"addresses":["10.77.0.11"]}]}`); r.status != http.StatusCreated {
		t.Fatalf("make a slice: %s", r)
	}
	eventually(t, "both are found", 10*time.Second, func() bool {
		v := e.edgeVerdicts()
		return v["EDG-04"] == "fail" && v["EDG-07"] == "fail"
	})
	if r := e.kube("DELETE", sliceToAPI+"/inside", ""); r.status != http.StatusOK {
		t.Errorf("delete the slice: %s", r)
	}
	e.must(0, "up")
	eventually(t, "all is sound again", 10*time.Second, func() bool { return len(sound(e.edgeVerdicts())) == 0 })
}
