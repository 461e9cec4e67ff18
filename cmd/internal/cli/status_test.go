package cli

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/k3sedge/k3sedge/addons/chart"
	"github.com/k3sedge/k3sedge/addons/cloudflare"
	"github.com/k3sedge/k3sedge/addons/traefik"
	"github.com/k3sedge/k3sedge/hardening"
	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/k3s"
)

func goodState(name string) nodeState {
	return nodeState{Name: name, Role: "agent", Address: "10.0.0.11", SSH: "ok", K3s: "active", Node: "ready", Traefik: "ready", Version: "v1.35.4+k3s1"}
}

func TestReadyIsEveryPartOfEveryNode(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change func(*nodeState)
		want   bool
	}{
		"all of it":     {func(*nodeState) {}, true},
		"SSH":           {func(n *nodeState) { n.SSH = "down" }, false},
		"the unit":      {func(n *nodeState) { n.K3s = "failed" }, false},
		"an empty unit": {func(n *nodeState) { n.K3s = "" }, false},
		"the node":      {func(n *nodeState) { n.Node = "not ready: KubeletNotReady" }, false},
		"Traefik":       {func(n *nodeState) { n.Traefik = "not there" }, false},
		"blind":         {func(n *nodeState) { n.Traefik = "unknown" }, false},
	} {
		bad := goodState("edge-2")
		tc.change(&bad)
		if got := (statusDocument{Nodes: []nodeState{goodState("edge-1"), bad}}).ready(); got != tc.want {
			t.Errorf("%s: ready is %v, want %v", name, got, tc.want)
		}
	}
	if (statusDocument{}).ready() {
		t.Error("no node at all is ready")
	}
	if (statusDocument{Nodes: []nodeState{goodState("edge-1")}, Failed: "values do not fit"}).ready() {
		t.Error("a failed change of Traefik is ready")
	}
}

func TestTraefikOnANode(t *testing.T) {
	t.Parallel()
	state := traefik.State{Pods: []chart.Pod{{Node: "edge-1", Ready: true}, {Node: "edge-2", Reason: "pending"}}}
	for node, want := range map[string]string{"edge-1": "ready", "edge-2": "not ready: pending", "edge-3": "not there"} {
		if got := traefikOn(node, state, nil); got != want {
			t.Errorf("%s: %q, want %q", node, got, want)
		}
	}
	if got := traefikOn("edge-1", state, errors.New("the API is away")); got != "unknown" {
		t.Errorf("blind: %q", got)
	}
}

func TestANodeThatIsDownIsUnknownOtherwise(t *testing.T) {
	t.Parallel()
	st := &site{project: inventory.Project{Cluster: inventory.Cluster{Nodes: testNodes("edge-1")}}}
	down := st.nodeState(k3s.NodeStatus{Name: "edge-1", Reachable: errors.New("refused"), Unit: "", Ready: k3s.NotReady, Reason: "Gone: no word"}, "ready")
	if down.SSH != "down" || down.K3s != "unknown" || down.Traefik != "unknown" || down.Node != "not ready: Gone: no word" || down.Address != "10.0.0.11" {
		t.Errorf("got %+v", down)
	}
}

func TestProofOfACluster(t *testing.T) {
	t.Parallel()
	p, errs := newProof(testNodes("edge-1", "edge-2"), []audited{reportOf("edge-1", hardening.Pass), reportOf("edge-2", hardening.Pass)})
	sick, away := goodState("edge-2"), goodState("edge-1")
	sick.Traefik = "not ready: pending"
	away.SSH, away.Traefik = "down", "unknown" // why is told with the audit of the node
	errs = append(errs, p.add(statusDocument{Nodes: []nodeState{away, sick}, Warning: "Traefik 3.6.13 has known faults"}))
	var out, told bytes.Buffer
	st := &site{streams: testStreams(&out, &told)}
	err := st.printProof("text", p, errs)
	const want = `
NODE    ROLE   ADDRESS    COMPLIANT  CONTROLS                  K3S    TRAEFIK
edge-1  agent  10.0.0.11  yes        1 pass, 0 not applicable  ready  unknown
edge-2  agent  10.0.0.12  yes        1 pass, 0 not applicable  ready  not ready: pending

STAGE  TIME
`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
	if told.String() != "warning: Traefik 3.6.13 has known faults\n" {
		t.Errorf("told %q", told.String())
	}
	if fmt.Sprint(err) != "edge-2: K3s is ready, Traefik is not ready: pending" || hintOf(err) == "" {
		t.Errorf("error %v", err)
	}
	out.Reset()
	if err := st.printProof("json", p, nil); err != nil || !bytes.Contains(out.Bytes(), []byte(`"k3s":"ready","traefik":"not ready: pending"`)) ||
		!bytes.Contains(out.Bytes(), []byte(`"warning":"Traefik 3.6.13`)) {
		t.Errorf("%s, %v", out.String(), err)
	}
}

func TestAProofWithoutAClusterDoesNotAsk(t *testing.T) {
	t.Parallel()
	var p proof
	if err := (&site{}).proveCluster(t.Context(), &p); err != nil || p.Warning != "" {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestTheEdgesState(t *testing.T) {
	t.Parallel()
	healthy := &cloudflare.Health{Name: "k3sedge-home", Status: "healthy", Version: 3, Connectors: []cloudflare.ConnectorInfo{{Version: "2026.8.2", Origin: "192.0.2.1", Places: []string{"fra03", "fra07"}, Rules: 3}}}
	for name, tc := range map[string]struct {
		state edgeState
		ready bool
		text  []string
	}{
		"nothing asked for":  {edgeState{}, true, nil},
		"all of it":          {edgeState{CertManager: "running", Tunnel: healthy}, true, []string{"cert-manager: running", "tunnel k3sedge-home: healthy, 1 connector\n", "  2026.8.2 from 192.0.2.1 by fra03, fra07, rules version 3\n"}},
		"no cert-manager":    {edgeState{CertManager: "not there", Tunnel: healthy}, false, []string{"cert-manager: not there"}},
		"an old certificate": {edgeState{CertManager: "running", Certificates: []string{"certificate edge-git/git-tls expired"}}, false, []string{"  certificate edge-git/git-tls expired\n"}},
		"may not be seen":    {edgeState{Tunnel: &cloudflare.Health{Name: "t", Status: cloudflare.Unknown, Reason: "the token lacks it"}}, true, []string{"tunnel t: unknown: the token lacks it\n", "Tunnel:Read"}},
		"no connector":       {edgeState{Tunnel: &cloudflare.Health{Name: "t", Status: "down"}}, false, []string{"tunnel t: down, 0 connectors\n", "port 7844"}},
	} {
		var out bytes.Buffer
		tc.state.write(&out)
		if got := tc.state.ready(); got != tc.ready {
			t.Errorf("%s: ready %v", name, got)
		}
		for _, want := range tc.text {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%s: %q is not in\n%s", name, want, out.String())
			}
		}
		if len(tc.text) == 0 && out.Len() > 0 {
			t.Errorf("%s: told %s", name, out.String())
		}
	}
}
