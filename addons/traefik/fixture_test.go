package traefik

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/k3sedge/k3sedge/addons/chart"
	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/cluster"
	"github.com/k3sedge/k3sedge/testinfra/fakekube"
)

// clusterIn is two nodes with an edge of that mode.
func clusterIn(mode inventory.EdgeMode) inventory.Cluster {
	c := inventory.Cluster{
		Edge:  &inventory.Edge{Mode: mode},
		Nodes: []inventory.Node{{Name: "edge-1", Address: netip.MustParseAddr("10.0.0.11")}, {Name: "edge-2", Address: netip.MustParseAddr("10.0.0.12")}},
	}
	return c
}

func mustChart(t *testing.T, version string) Chart {
	t.Helper()
	c, err := ChartOf("traefik-" + version + ".tgz")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// mustValues are our values in mode tunnel.
func mustValues(t *testing.T, chart Chart) []byte {
	t.Helper()
	out, err := newValues(clusterIn(inventory.EdgeTunnel), chart, nil).encode()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// workload is as much of a chart's template as our arguments need. %s is
// where the chart looks for what is HTTP's: $p, or $p.http from 39 on.
const workload = `apiVersion: apps/v1
kind: DaemonSet
metadata: {name: traefik}
spec:
  updateStrategy: {{ toJson .Values.updateStrategy }}
  template:
    spec:
      containers:
        - name: traefik
          image: {{ .Values.image | default "rancher/mirrored-library-traefik:3.6.13" }}
          args:
            {{- range $n, $p := .Values.ports }}
            {{- $http := %s | default dict }}
            - "--entryPoints.{{ $n }}.address={{ $p.hostIP }}:{{ $p.port }}/tcp"
            {{- if $p.asDefault }}
            - "--entryPoints.{{ $n }}.asDefault=true"
            {{- end }}
            {{- if $http.redirections }}
            - "--entryPoints.{{ $n }}.http.redirections.entryPoint.to=:443"
            {{- end }}
            {{- if $http.tls }}
            - "--entryPoints.{{ $n }}.http.tls=true"
            {{- end }}
            {{- with $p.forwardedHeaders }}
            - "--entryPoints.{{ $n }}.forwardedHeaders.trustedIPs={{ join "," .trustedIPs }}"
            {{- end }}
            {{- if $p.transport }}
            - "--entryPoints.{{ $n }}.transport.respondingTimeouts.readTimeout=0"
            {{- end }}
            {{- end }}
`

// fixtureChart packs a chart of that version with the real one's schema.
func fixtureChart(t *testing.T, version string, templates ...string) []byte {
	t.Helper()
	schema, err := os.ReadFile(filepath.Join("testdata", "schema", version+".json"))
	if err != nil {
		t.Fatal(err)
	}
	if len(templates) == 0 {
		http := "$p.http"
		if mustChart(t, version).Major < nestedMajor {
			http = "$p"
		}
		templates = []string{fmt.Sprintf(workload, http)}
	}
	files := map[string]string{
		"Chart.yaml":          "apiVersion: v2\nname: traefik\nversion: " + version + "\n",
		"values.yaml":         "{}\n",
		"values.schema.json":  string(schema),
		"templates/NOTES.txt": "not YAML: {",
	}
	for i, text := range templates {
		files[fmt.Sprintf("templates/%d.yaml", i)] = text
	}
	return pack(t, files)
}

func pack(t *testing.T, files map[string]string) []byte {
	t.Helper()
	out, err := fakekube.PackChart("traefik", files)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// site is a cluster with what K3s serves beside the objects.
type site struct {
	cluster.API
	kube  *fakekube.Kube
	files map[string][]byte // by path, without the query
}

func newSite(t *testing.T) *site {
	t.Helper()
	k := fakekube.New(fakekube.Traefik()...)
	return &site{API: k.API(), kube: k, files: map[string][]byte{}}
}

func (s *site) Get(ctx context.Context, path string) ([]byte, error) {
	file, _, _ := strings.Cut(path, "?")
	if text, ok := s.files[file]; ok {
		return text, nil
	}
	return s.API.Get(ctx, path)
}

func (s *site) put(t *testing.T, objects ...any) {
	t.Helper()
	if err := s.kube.Put("test", objects...); err != nil {
		t.Fatal(err)
	}
}

type doc map[string]any

func in(kind, api, name string, more doc) doc {
	out := doc{"apiVersion": api, "kind": kind, "metadata": doc{"name": name, "namespace": namespace}}
	maps.Copy(out, more)
	return out
}

// deploy is K3s that has deployed its chart, as a HelmChart with conditions.
func (s *site) deploy(t *testing.T, version string, conditions ...doc) {
	t.Helper()
	file := "traefik-" + version + ".tgz"
	s.put(t, in("HelmChart", "helm.cattle.io/v1", "traefik", doc{
		"spec":   doc{"chart": "https://%{KUBERNETES_API}%/static/charts/" + file, "valuesContent": "priorityClassName: system-cluster-critical\n"},
		"status": doc{"conditions": conditions},
	}))
	upstream, _, _ := strings.Cut(version, "+")
	s.files["/static/charts/"+file] = fixtureChart(t, upstream)
}

// release is one of Helm's releases, with the values that it was given.
func (s *site) release(t *testing.T, version int, status, description string, values []byte) {
	t.Helper()
	config := map[string]any{}
	if values != nil {
		var err error
		if config, err = chart.PlainMap(values); err != nil {
			t.Fatal(err)
		}
	}
	config["priorityClassName"] = "system-cluster-critical" // K3s' own
	secret, err := fakekube.Release{Name: name, Namespace: namespace, Version: version, Status: status, Description: description, Values: config}.Secret()
	if err != nil {
		t.Fatal(err)
	}
	s.put(t, secret)
}

// daemon is the DaemonSet as Helm made it of the fixture chart, with ready
// pods on so many of two nodes. differing replaces parts of its status.
func (s *site) daemon(t *testing.T, args []string, ready int, differing ...doc) {
	t.Helper()
	status := doc{"observedGeneration": 1, "desiredNumberScheduled": 2, "updatedNumberScheduled": 2, "numberReady": ready}
	for _, d := range differing {
		maps.Copy(status, d)
	}
	s.put(t, in("DaemonSet", "apps/v1", "traefik", doc{
		"spec": doc{"template": doc{"spec": doc{"containers": []any{doc{
			"name": "traefik", "image": "docker.io/rancher/mirrored-library-traefik:3.6.13", "args": args,
		}}}}},
		"status": status,
	}))
}

// pod is Traefik on a node; status is nil for one that is ready.
func (s *site) pod(t *testing.T, name, node string, status doc) {
	t.Helper()
	if status == nil {
		status = doc{"phase": "Running", "conditions": []any{doc{"type": "Ready", "status": "True"}}}
	}
	p := in("Pod", "v1", name, doc{"spec": doc{"nodeName": node, "containers": []any{doc{"name": "traefik"}}}, "status": status})
	p["metadata"].(doc)["labels"] = doc{"app.kubernetes.io/name": "traefik"}
	s.put(t, p)
}

// job is the pod in which Helm runs, and its log.
func (s *site) job(t *testing.T, status doc, log string) {
	t.Helper()
	p := in("Pod", "v1", "helm-install-traefik-x", doc{"spec": doc{"nodeName": "edge-1", "containers": []any{doc{"name": "helm"}}}, "status": status})
	p["metadata"].(doc)["labels"] = doc{"helmcharts.helm.cattle.io/chart": "traefik"}
	s.put(t, p)
	s.files[chart.Pod{Name: "helm-install-traefik-x"}.Path(namespace)+"/log"] = []byte(log)
}

func crashing(message string) doc {
	return doc{"phase": "Running", "containerStatuses": []any{doc{
		"state":     doc{"waiting": doc{"reason": "CrashLoopBackOff", "message": "back-off 5m0s"}},
		"lastState": doc{"terminated": doc{"message": message}},
	}}}
}
