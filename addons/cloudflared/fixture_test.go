package cloudflared

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"net/netip"
	"strings"
	"testing"

	"github.com/k3sedge/k3sedge/addons/chart"
	"github.com/k3sedge/k3sedge/addons/cloudflare"
	"github.com/k3sedge/k3sedge/addons/object"
	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/cluster"
	"github.com/k3sedge/k3sedge/provision/converge"
	"github.com/k3sedge/k3sedge/testinfra/eventlog"
	"github.com/k3sedge/k3sedge/testinfra/fakekube"
	"github.com/k3sedge/k3sedge/testinfra/goldenfile"
)

var update = flag.Bool("update", false, "write the golden files anew")

const (
	canary   = "canary-7f3a"
	tunnelID = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"
)

func testCluster(management inventory.TunnelManagement) inventory.Cluster {
	return inventory.Cluster{
		Name: "home", ID: "11111111-2222-4333-8444-555555555555",
		Nodes: []inventory.Node{{Name: "edge-1", Address: netip.MustParseAddr("10.0.0.11")}, {Name: "edge-2", Address: netip.MustParseAddr("10.0.0.12")}},
		Edge: &inventory.Edge{Mode: inventory.EdgeTunnel, Cloudflare: &inventory.Cloudflare{Token: "env:T", Zones: []string{"lab.test"}},
			Tunnel: &inventory.Tunnel{Name: "k3sedge-home", Management: management}},
	}
}

func public(name string) inventory.Service {
	return inventory.Service{Name: name, Host: name + ".lab.test", Expose: inventory.ExposePublic, To: []string{"10.0.0.20:80"}}
}

func connector(token string) cloudflare.Connector {
	return cloudflare.Connector{Tunnel: tunnelID, Token: inventory.NewSecret(token), Credentials: inventory.NewSecret(token)}
}

func testConfig(management inventory.TunnelManagement, token string, services ...inventory.Service) Config {
	return Config{Cluster: testCluster(management), Services: services,
		Connector: func(context.Context) (cloudflare.Connector, error) { return connector(token), nil }}
}

func golden(t *testing.T, name string, objects []object.Object) {
	t.Helper()
	got, err := object.YAML(objects...)
	if err != nil {
		t.Fatal(err)
	}
	goldenfile.Compare(t, "testdata/"+name+".golden.yaml", got, *update)
}

type doc = map[string]any

// site is a cluster whose DaemonSet controller is played: after each change of
// the DaemonSet, ready says how many pods of two become ready.
type site struct {
	cluster.API
	kube  *fakekube.Kube
	ready int
	files map[string]string // by path, without the query
}

func newSite(t *testing.T) *site {
	t.Helper()
	k := fakekube.New()
	s := &site{API: k.API(), kube: k, ready: 2, files: map[string]string{}}
	k.React(func(path string, o map[string]any) {
		if path == daemonSetPath() && o != nil {
			s.roll(t, o)
		}
	})
	return s
}

func (s *site) Get(ctx context.Context, path string) ([]byte, error) {
	file, _, _ := strings.Cut(path, "?")
	if text, ok := s.files[file]; ok {
		return []byte(text), nil
	}
	return s.API.Get(ctx, path)
}

// roll is the controller: it has seen the change and made the pods anew.
func (s *site) roll(t *testing.T, o doc) {
	t.Helper()
	generation := 1
	if m, ok := o["metadata"].(doc); ok {
		_, _ = fmt.Sscan(fmt.Sprint(m["generation"]), &generation)
	}
	o = maps.Clone(o)
	o["status"] = doc{"observedGeneration": generation, "desiredNumberScheduled": 2, "updatedNumberScheduled": 2, "numberReady": s.ready}
	if err := s.kube.Put("controller", o); err != nil {
		t.Error(err)
	}
}

// pod is cloudflared on a node.
func (s *site) pod(t *testing.T, node string, status doc, log string) {
	t.Helper()
	p := doc{"apiVersion": "v1", "kind": "Pod", "metadata": doc{"name": "cloudflared-" + node, "namespace": Namespace, "labels": doc{"app.kubernetes.io/name": name}},
		"spec": doc{"nodeName": node, "containers": []any{doc{"name": name}}}, "status": status}
	if err := s.kube.Put("controller", p); err != nil {
		t.Fatal(err)
	}
	s.files[chart.Pod{Name: "cloudflared-" + node}.Path(Namespace)+"/log"] = log
}

func (s *site) run(t *testing.T, c Config) (converge.Result, string, error) {
	t.Helper()
	l := &eventlog.Log{}
	result, err := converge.Run(t.Context(), nil, l, Stages(c, s)...)
	if strings.Contains(l.String(), canary) {
		t.Error("the token has been told")
	}
	return result, l.String(), err
}

func (s *site) mustRun(t *testing.T, c Config) converge.Result {
	t.Helper()
	result, text, err := s.run(t, c)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return result
}
