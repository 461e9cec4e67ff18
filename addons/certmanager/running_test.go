package certmanager

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/k3sedge/k3sedge/provision/cluster"
	"github.com/k3sedge/k3sedge/testinfra/fakekube"
)

// settled is a cluster on which cert-manager runs.
func settled(t *testing.T) (*fakekube.Kube, Config) {
	t.Helper()
	k, c := newKube(t), configOf(t)
	mustRun(t, c, k)
	k.React(nil)
	return k, c
}

func pulling(message string) doc {
	p := in("v1", "Pod", namespace, "cert-manager-x", doc{"spec": doc{"nodeName": "edge-1", "containers": []any{doc{"name": "x"}}}, "status": doc{
		"phase": "Pending", "containerStatuses": []any{doc{"state": doc{"waiting": doc{"reason": "ErrImagePull", "message": message}}}},
	}})
	p["metadata"].(doc)["labels"] = doc{"app.kubernetes.io/instance": "cert-manager"}
	return p
}

func TestRunningDiffers(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change     func(*testing.T, *fakekube.Kube)
		want, hint string
	}{
		"the HelmChart failed": {func(t *testing.T, k *fakekube.Kube) {
			o := k.Object(ref().Path())
			o["status"] = doc{"conditions": []any{doc{"type": "Failed", "status": "True", "reason": "JobFailed", "message": "no"}}}
			put(t, k, o)
		}, "JobFailed: no", "job/helm-install-cert-manager"},
		"a release failed": {func(t *testing.T, k *fakekube.Kube) { helm(t, k, 2, "failed") }, "release 2 failed: timed out", "job/helm"},
		"no release": {func(_ *testing.T, k *fakekube.Kube) {
			k.Remove("/api/v1/namespaces/cert-manager/secrets/sh.helm.release.v1.cert-manager.v1")
		}, "no release", "job/helm"},
		"another chart": {func(t *testing.T, k *fakekube.Kube) {
			secret, err := fakekube.Release{Name: name, Namespace: namespace, Version: 3, Status: "deployed", Chart: "v1.19.2"}.Secret()
			if err != nil {
				t.Fatal(err)
			}
			put(t, k, secret)
		}, "v1.19.2", ""},
		"no image": {func(t *testing.T, k *fakekube.Kube) {
			deploy(t, k, "cert-manager-webhook", 0)
			put(t, k, pulling("no such image"))
		}, "not ready: cert-manager-webhook; cert-manager-x on edge-1: ErrImagePull: no such image", "k3sedge-images-"},
		"no Deployment": {func(_ *testing.T, k *fakekube.Kube) {
			k.Remove("/apis/apps/v1/namespaces/cert-manager/deployments/cert-manager-cainjector")
		}, "not ready: cert-manager-cainjector", "describe pods"},
		"no HelmChart": {func(_ *testing.T, k *fakekube.Kube) { k.Remove(ref().Path()) }, "no HelmChart", ""},
	} {
		k, c := settled(t)
		tc.change(t, k)
		changes, err := running{c}.Check(t.Context(), k.API())
		if err != nil || len(changes) != 1 || !strings.Contains(changes[0].Have, tc.want) {
			t.Errorf("%s: %+v, %v", name, changes, err)
		}
		if state, err := Look(t.Context(), k.API()); tc.hint != "" && (err != nil || !strings.Contains(state.hint(), tc.hint)) {
			t.Errorf("%s: hint %q, %v", name, state.hint(), err)
		}
	}
	k, c := settled(t)
	if err := k.Fault(fakekube.Fault{Path: "deployments", Trouble: fakekube.Away}); err != nil {
		t.Fatal(err)
	}
	if _, err := (running{c}).Check(t.Context(), k.API()); !cluster.Away(err) {
		t.Errorf("away: %v", err)
	}
}

// A release that failed is cleared away once.
func TestRunningClearsAFailedRelease(t *testing.T) {
	t.Parallel()
	for again, want := range map[bool]string{false: "", true: "again after the failed one was cleared away"} {
		synctest.Test(t, func(t *testing.T) {
			k, c := settled(t)
			helm(t, k, 2, "failed")
			k.React(func(path string, _ map[string]any) {
				if again && strings.HasSuffix(path, "cert-manager.v2") {
					helm(t, k, 3, "failed")
				}
			})
			_, err := only(t, k, running{c})
			if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
				t.Errorf("again %v: %v", again, err)
			}
			if k.Object("/api/v1/namespaces/cert-manager/secrets/sh.helm.release.v1.cert-manager.v1") == nil {
				t.Error("what was deployed is gone")
			}
		})
	}
}
