//go:build linux

package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

// TestEdge goes from an empty Proxmox to services behind two nodes, and
// through everything that is promised of them. The parts build on one another.
func TestEdge(t *testing.T) {
	s := newEdge(t, "e2e-edge")
	part := func(name string, run func(t *testing.T)) {
		began := time.Now()
		if !t.Run(name, run) {
			t.Log("what follows may fail for the same reason")
		}
		t.Logf("%s: %.1f s", name, time.Since(began).Seconds())
	}
	part("the whole plan", func(t *testing.T) { wholePlan(t, s.on(t)) })
	var first result
	part("up", func(t *testing.T) { first = firstEdge(t, s.on(t)) })
	if t.Failed() {
		return
	}
	e := newEdgeClients(s)
	e.refuseSecrets(first)
	e.keepsNoSecret()
	for _, p := range []struct {
		name string
		run  func(*testing.T, *edge)
	}{
		{"up again changes nothing", secondEdge},
		{"K3s holds its controls", k3sHolds},
		{"kubeconfig", mergedKubeconfig},
		{"nothing is written before it is asked for", unwritten},
		{"a service", seedService},
		{"its answers", seedAnswers},
		{"only one limit of requests", limited},
		{"LAN only and public", exposed},
		{"added again, and otherwise", addedAgain},
		{"a host that is taken", takenHost},
		{"who may come", whoMayCome},
		{"servers that speak TLS", backendTLS},
		{"servers that end TLS themselves", passthrough},
		{"exported", exported},
		{"removed", removed},
		{"the edge is judged", edgeJudged},
		{"firewall", edgeFirewall},
		{"an agent is off", agentOff},
		{"the server loses its power", serverOff},
		{"the server restarts", serverRestarts},
	} {
		part(p.name, func(t *testing.T) { p.run(t, e.on(t)) })
	}
}

// wholePlan is told before there is anything, from the first stage to the last.
func wholePlan(t *testing.T, s *site) {
	if err := s.lab.ForgetCalls(t.Context()); err != nil {
		t.Fatal(err)
	}
	kinds := map[string][]string{}
	for line := range strings.Lines(s.must(3, "up", "--plan", "--output", "json").stdout) {
		var e struct{ Kind, Stage, Step string }
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if e.Step != "" && e.Kind != "step-started" && !slices.Contains(kinds[e.Stage], e.Kind) {
			kinds[e.Stage] = append(kinds[e.Stage], e.Kind)
		}
	}
	for _, stage := range []string{"hardening", "k3s files", "k3s servers", "k3s agents", "overlay", "traefik", "services"} {
		if !slices.Equal(kinds[stage], []string{"step-pending"}) {
			t.Errorf("%s: %v, all of it has to wait for the machines", stage, kinds[stage])
		}
	}
	for _, stage := range []string{"image", "machines"} {
		if !slices.Contains(kinds[stage], "step-differs") {
			t.Errorf("%s: %v, nothing of it would change", stage, kinds[stage])
		}
	}
	text := s.must(3, "up", "--plan").stderr
	for _, want := range []string{"would change something", "k3s/binary", "traefik/running", "services/objects"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in the plan:\n%s", want, text)
		}
	}
	if w := s.writes(); len(w) > 0 || len(s.vms()) > 0 {
		t.Errorf("a plan wrote: %v, %v", w, s.vms())
	}
}

func firstEdge(t *testing.T, s *site) result {
	r := s.must(0, "up")
	t.Log(r.stdout)
	for _, want := range []string{"k3s files", "k3s servers", "k3s agents", "overlay", "traefik", "services"} {
		if !strings.Contains(r.stdout, "\n"+want+" ") {
			t.Errorf("the table has no stage %s", want)
		}
	}
	if n := strings.Count(r.stdout, "yes"); n != 2 {
		t.Errorf("%d compliant machines, want 2", n)
	}
	return r
}

// edgeMarks is what changes on a node when anything of the cluster is started
// anew, or any file of ours is written.
const edgeMarks = marks + `
systemctl show -p ActiveEnterTimestampMonotonic -p MainPID k3s k3s-agent | cat
for p in $(sudo pgrep -x traefik); do sudo cut -d ' ' -f 1,2,22 /proc/$p/stat; done
sudo find /var/lib/rancher/k3s/server/manifests /var/lib/rancher/k3s/agent/images /var/lib/rancher/k3s/server/token -newer /tmp/e2e-mark 2>/dev/null | sort`

// secondEdge: every node and pod is there, and stays exactly as it is.
func secondEdge(t *testing.T, e *edge) {
	for _, o := range e.list("/api/v1/nodes") {
		if !o.is("Ready") {
			t.Errorf("node %s is not Ready", o.Metadata.Name)
		}
	}
	running := func() (pods []string) {
		for _, o := range e.list("/api/v1/namespaces/kube-system/pods?labelSelector=app.kubernetes.io/name=traefik") {
			pods = append(pods, fmt.Sprintf("%s on %s, ready %v", o.Metadata.UID, o.Spec.NodeName, o.is("Ready")))
		}
		return append(pods, e.made("app.kubernetes.io/managed-by=k3sedge")...)
	}
	pods := running()
	for i, n := range []string{"edge-1", "edge-2"} {
		if len(pods) < 2 || !slices.ContainsFunc(pods, func(p string) bool { return strings.HasSuffix(p, "on "+n+", ready true") }) {
			t.Fatalf("no Traefik that is ready on %s: %v", n, pods)
		}
		e.onNode(i, "touch /tmp/e2e-mark")
	}
	before := e.onNode(0, edgeMarks) + e.onNode(1, edgeMarks)
	if strings.Count(before, "(traefik)") != 2 {
		t.Fatalf("Traefik is no process on each node:\n%s", before)
	}
	if err := e.lab.ForgetCalls(t.Context()); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	again := e.must(0, "up", "--output", "json")
	t.Logf("the second up took %.2f s", time.Since(began).Seconds())
	if strings.Contains(again.stdout, "step-chang") {
		t.Errorf("the second run changed something:\n%s", again.stdout)
	}
	if w := e.writes(); len(w) > 0 {
		t.Errorf("the second run wrote to Proxmox: %v", w)
	}
	if after := e.onNode(0, edgeMarks) + e.onNode(1, edgeMarks); after != before {
		t.Errorf("the second run touched a node:\nbefore %s\nafter %s", before, after)
	}
	if after := running(); !slices.Equal(after, pods) {
		t.Errorf("the second run touched the cluster:\nbefore %v\nafter %v", pods, after)
	}
	e.must(0, "up", "--plan")
}

// mergedKubeconfig: what was in the user's file stays in it. That the printed
// form opens the API is what all other parts rest on.
func mergedKubeconfig(t *testing.T, e *edge) {
	mine := filepath.Join(t.TempDir(), "config")
	const other = `# my own
apiVersion: v1
kind: Config
clusters:
- {name: other, cluster: {server: "https://192.0.2.1:6443"}}
users:
- {name: other, user: {username: me}}
contexts:
- {name: other, context: {cluster: other, user: other}} # long there
current-context: other
`
	if err := os.WriteFile(mine, []byte(other), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		e.must(0, "kubeconfig", "--merge", "--into", mine)
	}
	text, err := os.ReadFile(mine)
	if err != nil {
		t.Fatal(err)
	}
	var config struct {
		Clusters, Users, Contexts []struct{ Name string }
		CurrentContext            string `yaml:"current-context"`
	}
	if err := yaml.Unmarshal(text, &config); err != nil {
		t.Fatal(err)
	}
	for what, entries := range map[string][]struct{ Name string }{"clusters": config.Clusters, "users": config.Users, "contexts": config.Contexts} {
		if len(entries) != 2 || entries[0].Name != "other" || entries[1].Name != e.cluster.Name {
			t.Errorf("%s: %v", what, entries)
		}
	}
	for _, line := range strings.Split(strings.TrimSpace(other), "\n") {
		if !strings.Contains(string(text), line) {
			t.Errorf("%q is lost", line)
		}
	}
	if config.CurrentContext != "other" {
		t.Errorf("the current context is %s", config.CurrentContext)
	}
	cmd, _, _ := e.command(curl("--cacert", e.key("api-ca.crt"), "--request", "GET", e.server+"/api/v1/nodes")...)
	if r := curled(t, cmd); r.status != http.StatusUnauthorized {
		t.Errorf("without the kubeconfig's certificate: %s", r)
	}
}
