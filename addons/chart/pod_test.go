package chart

import (
	"context"
	"strings"
	"testing"

	"github.com/k3sedge/k3sedge/provision/cluster"
	"github.com/k3sedge/k3sedge/testinfra/fakekube"
)

type doc = map[string]any

// logged is a cluster whose pods have a log.
type logged struct {
	cluster.API
	log string
}

func (l logged) Get(ctx context.Context, path string) ([]byte, error) {
	if strings.Contains(path, "/log?") {
		return []byte(l.log), nil
	}
	return l.API.Get(ctx, path)
}

func putPod(t *testing.T, k *fakekube.Kube, labels doc, name, node string, status doc) {
	t.Helper()
	err := k.Put("kubelet", doc{
		"apiVersion": "v1", "kind": "Pod", "metadata": doc{"name": name, "namespace": Home, "labels": labels},
		"spec": doc{"nodeName": node, "containers": []any{doc{"name": "x"}}}, "status": status,
	})
	if err != nil {
		t.Fatal(err)
	}
}

func waiting(reason, message string) doc {
	return doc{"phase": "Pending", "containerStatuses": []any{doc{"state": doc{"waiting": doc{"reason": reason, "message": message}}}}}
}

func TestPods(t *testing.T) {
	t.Parallel()
	k, labels := fakekube.New(), doc{"app": "x"}
	ready := doc{"phase": "Running", "conditions": []any{doc{"type": "Ready", "status": "True"}}}
	putPod(t, k, labels, "d", "edge-2", ready)
	putPod(t, k, labels, "c", "edge-1", waiting("ErrImagePull", "no such image"))
	putPod(t, k, labels, "b", "edge-1", waiting("CrashLoopBackOff", "back-off"))
	putPod(t, k, labels, "a", "", doc{"phase": "Pending", "conditions": []any{doc{"type": "PodScheduled", "status": "False", "message": "no room"}}})
	putPod(t, k, doc{"app": "y"}, "e", "edge-1", ready)
	got, err := Pods(t.Context(), logged{k.API(), "starting\npanic: no\n"}, Home, "app=x")
	if err != nil || len(got) != 4 {
		t.Fatalf("%+v, %v", got, err)
	}
	for i, want := range []string{"no node takes it: no room", "CrashLoopBackOff: panic: no", "ErrImagePull: no such image", ""} {
		if p := got[i]; p.Reason != want || p.Ready != (want == "") || p.Crashes != strings.HasPrefix(want, "Crash") {
			t.Errorf("%+v, want %q", p, want)
		}
	}
	if path := got[3].Path(Home); k.Object(path) == nil {
		t.Errorf("nothing at %s", path)
	}
}

func TestJobFailure(t *testing.T) {
	t.Parallel()
	k := fakekube.New()
	job := func(status doc) {
		putPod(t, k, doc{"helmcharts.helm.cattle.io/chart": traefik.Name}, "helm-install-traefik-x", "edge-1", status)
	}
	for name, tc := range map[string]struct {
		status doc
		want   string
	}{
		"fails":  {waiting("CrashLoopBackOff", ""), "UPGRADE FAILED: no"},
		"starts": {waiting("ContainerCreating", ""), ""},
		"done":   {doc{"phase": "Succeeded"}, ""},
	} {
		job(tc.status)
		got, err := traefik.JobFailure(t.Context(), logged{k.API(), "+ helm\nError: UPGRADE FAILED: no\n+ exit\n"})
		if err != nil || got != tc.want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	if err := k.Fault(fakekube.Fault{Path: "pods", Trouble: fakekube.Away}); err != nil {
		t.Fatal(err)
	}
	if _, err := traefik.JobFailure(t.Context(), k.API()); !cluster.Away(err) {
		t.Errorf("away: %v", err)
	}
}

func TestFailed(t *testing.T) {
	t.Parallel()
	for want, conditions := range map[string][]Condition{
		"":        {{Type: "JobCreated", Status: "True"}, {Type: "Failed", Status: "False", Reason: "x"}},
		"Job: no": {{Type: "Failed", Status: "True", Reason: "Job", Message: "no"}},
		"no":      {{Type: "Failed", Status: "True", Message: "no"}},
	} {
		if got := (Status{conditions}).Failed(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
