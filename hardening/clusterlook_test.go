package hardening

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/k3sedge/k3sedge/hardening/facts"
	"github.com/k3sedge/k3sedge/testinfra/fakekube"
)

type fields = map[string]any

// kubeWithNodes is a cluster of which the two nodes' kubelets answer.
func kubeWithNodes(t *testing.T) *fakekube.Kube {
	t.Helper()
	k := fakekube.New()
	for _, name := range []string{"node-1", "node-2"} {
		k.Behind("/api/v1/nodes/"+name+"/proxy/configz", fields{"kubeletconfig": fields{
			"authentication": fields{"anonymous": fields{"enabled": false}, "webhook": fields{"enabled": true}},
			"authorization":  fields{"mode": "Webhook"}, "protectKernelDefaults": true, "seccompDefault": true,
			"podPidsLimit": 4096, "eventRecordQPS": 50, "streamingConnectionIdleTimeout": "5m0s",
		}})
		put(t, k, fields{"apiVersion": "v1", "kind": "Node", "metadata": fields{"name": name, "annotations": fields{nodeArgs: `["server","--disable","servicelb"]`}},
			"status": fields{"conditions": []any{fields{"type": "Ready", "status": "True"}}, "nodeInfo": fields{"kubeletVersion": "v1.35.4+k3s1"}}})
	}
	return k
}

func put(t *testing.T, k *fakekube.Kube, objects ...any) {
	t.Helper()
	if err := k.Put("test", objects...); err != nil {
		t.Fatal(err)
	}
}

func fault(t *testing.T, k *fakekube.Kube, f fakekube.Fault) {
	t.Helper()
	if err := k.Fault(f); err != nil {
		t.Fatal(err)
	}
}

func mustJSON(t *testing.T, v any) string {
	t.Helper()
	content, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(content) + "\n"
}

// askedOf is what a whole look puts into a node's facts.
func askedOf(t *testing.T, api ClusterReader) *facts.Facts {
	t.Helper()
	f := &facts.Facts{Cluster: &facts.Cluster{}} // as an agent that claims to know
	LookAtCluster(t.Context(), api, []string{"node-1", "node-2"}, Policy{}).into(t.Context(), f)
	return f
}

func TestTheClusterIsAskedOnce(t *testing.T) {
	t.Parallel()
	k := kubeWithNodes(t)
	put(t, k,
		fields{"apiVersion": "v1", "kind": "Pod", "metadata": fields{"name": "p", "namespace": "apps"}, "spec": fields{
			"nodeName": "node-1", "hostNetwork": true, "automountServiceAccountToken": false,
			"securityContext": fields{"runAsNonRoot": true, "seccompProfile": fields{"type": "RuntimeDefault"}},
			"volumes":         []any{fields{"name": "v", "hostPath": fields{"path": "/"}}, fields{"name": "w", "secret": fields{}}},
			"containers": []any{fields{"name": "c", "image": "i", "command": []any{"run"}, "args": []any{"--x"},
				"ports":           []any{fields{"containerPort": 80, "hostPort": 80}},
				"env":             []any{fields{"name": "TOKEN", "value": "canary"}, fields{"name": "REF", "valueFrom": fields{"secretKeyRef": fields{"name": "s"}}}},
				"securityContext": fields{"readOnlyRootFilesystem": true, "capabilities": fields{"drop": []any{"ALL"}}}}}}},
		fields{"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": fields{"name": "n", "namespace": "apps"}, "spec": fields{
			"podSelector": fields{}, "policyTypes": []any{"Ingress", "Egress"}, "egress": []any{fields{"ports": []any{fields{"port": 53, "protocol": "UDP"}}}}}},
		fields{"apiVersion": "v1", "kind": "ServiceAccount", "metadata": fields{"name": "default", "namespace": "apps"}, "automountServiceAccountToken": false},
		fields{"apiVersion": "v1", "kind": "Secret", "metadata": fields{"name": "t", "namespace": "apps"}, "type": "kubernetes.io/service-account-token", "data": fields{"token": "Y2FuYXJ5"}},
		fields{"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": fields{"name": "b"},
			"roleRef": fields{"name": "cluster-admin"}, "subjects": []any{fields{"kind": "ServiceAccount", "name": "a", "namespace": "apps"}, fields{"kind": "User", "name": "eve"}}},
		fields{"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": fields{"name": "view"}, "roleRef": fields{"name": "view"}},
	)
	f := askedOf(t, k.API())
	if len(f.Problems) > 0 || f.Cluster == nil {
		t.Fatalf("problems: %v", f.Problems)
	}
	golden(t, "cluster.json", mustJSON(t, forgetTimes(f.Cluster)))
	if text := mustJSON(t, f.Cluster); strings.Contains(text, "canary") || strings.Contains(text, "Y2FuYXJ5") {
		t.Error("a secret is in the facts")
	}
	if w := k.Writes(); len(w) > 0 {
		t.Errorf("the look wrote: %v", w)
	}
	seen := map[string]int{}
	for _, r := range k.Requests() {
		seen[r.Path]++
	}
	for path, times := range seen {
		if times != 1 {
			t.Errorf("%s was asked %d times", path, times)
		}
	}
}

func forgetTimes(c *facts.Cluster) *facts.Cluster {
	for i := range c.Nodes {
		c.Nodes[i].Created = time.Time{}
	}
	for i := range c.Namespaces {
		c.Namespaces[i].Created = time.Time{}
	}
	c.Pods[0].Created, c.NetworkPolicies[0].Created, c.ServiceAccounts[0].Created = time.Time{}, time.Time{}, time.Time{}
	c.ClusterAdmins[0].Created, c.TokenSecrets[0].Created = time.Time{}, time.Time{}
	return c
}

func TestWhatTheAPIRefusesIsOneGap(t *testing.T) {
	t.Parallel()
	k := kubeWithNodes(t)
	k.Behind("/api/v1/nodes/node-2/proxy/configz", fields{"kubeletconfig": fields{}})
	fault(t, k, fakekube.Fault{Path: "^/api/v1/pods$", Trouble: fakekube.Error, Status: 403})
	f := askedOf(t, k.API())
	var parts []string
	for _, p := range f.Problems {
		parts = append(parts, p.Part)
	}
	if want := []string{"cluster kubelets node-2", "cluster pods"}; !slices.Equal(parts, want) {
		t.Errorf("problems %v, want %v", f.Problems, want)
	}
	if f.Cluster == nil || f.Cluster.Pods != nil || len(f.Cluster.Kubelets) != 1 || f.Cluster.Nodes == nil {
		t.Errorf("facts %+v", f.Cluster)
	}
	c := Control{ID: "TST-01", Needs: []Part{PartCluster, PartPods}}
	if v := c.judge(f, testPolicy(t)); v.Status != Unknown || !strings.HasPrefix(v.Evidence[0], "cluster pods: ") {
		t.Errorf("a control on pods: %+v", v)
	}
}

func TestAnAPIThatIsAwayIsOneCause(t *testing.T) {
	t.Parallel()
	k := fakekube.New()
	fault(t, k, fakekube.Fault{Trouble: fakekube.Away})
	f := askedOf(t, k.API())
	if f.Cluster != nil || len(f.Problems) != 1 || f.Problems[0].Part != "cluster" || !strings.Contains(f.Problems[0].Error, "connection cut") {
		t.Errorf("facts %+v, problems %v", f.Cluster, f.Problems)
	}
	c := Control{ID: "TST-01", Needs: []Part{PartCluster, PartPods}}
	if v := c.judge(f, testPolicy(t)); v.Status != Unknown || len(v.Evidence) != 1 || !strings.Contains(v.Evidence[0], "does not answer") {
		t.Errorf("a control on pods: %+v", v)
	}
}

func TestWithoutAClusterNothingIsAsked(t *testing.T) {
	t.Parallel()
	f := askedOf(t, nil)
	if f.Cluster != nil || len(f.Problems) > 0 {
		t.Errorf("facts %+v, problems %v", f.Cluster, f.Problems)
	}
	p := testPolicy(t)
	p.Cluster = nil
	if v := (Control{ID: "TST-01", Needs: []Part{PartCluster, PartPods}}).judge(f, p); v.Status != NotApplicable {
		t.Errorf("a control on pods: %+v", v)
	}
}

func TestALookThatIsGivenUp(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("the user pressed Ctrl-C"))
	f := &facts.Facts{}
	(&ClusterLook{done: make(chan struct{})}).into(ctx, f)
	if len(f.Problems) != 1 || f.Problems[0] != (facts.Problem{Part: "cluster", Error: "the user pressed Ctrl-C"}) {
		t.Errorf("problems %v", f.Problems)
	}
}
