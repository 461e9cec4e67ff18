package traefik

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/k3sedge/k3sedge/addons/chart"
	"github.com/k3sedge/k3sedge/provision/cluster"
	"github.com/k3sedge/k3sedge/provision/converge"
	"github.com/k3sedge/k3sedge/testinfra/fakekube"
)

const (
	releasesPath = "/api/v1/namespaces/" + namespace + "/secrets"
	jobPath      = "/apis/batch/v1/namespaces/" + namespace + "/jobs/helm-install-" + name
)

// settledSite is a cluster on which Traefik runs as wanted.
func settledSite(t *testing.T) *site {
	t.Helper()
	s := newSite(t)
	s.deploy(t, "39.0.7+lab1", doc{"type": "Failed", "status": "False"})
	s.release(t, 2, "deployed", "Upgrade complete", ourValues(t))
	s.daemon(t, ourArgs(t), 2)
	s.pod(t, "traefik-a", "edge-1", nil)
	s.pod(t, "traefik-b", "edge-2", nil)
	s.job(t, doc{"phase": "Succeeded"}, "Error: of an earlier try\n")
	return s
}

func ourValues(t *testing.T) []byte { return mustValues(t, mustChart(t, "39.0.7")) }

func ourArgs(t *testing.T) []string {
	return append(newValues(tunnelled().Cluster, mustChart(t, "39.0.7"), nil).args(), "--ping=true")
}

func TestRunningHolds(t *testing.T) {
	t.Parallel()
	s := settledSite(t)
	if got, err := apply(t, s, running{tunnelled()}); err != nil || got.Holds != 1 || len(s.kube.Writes()) != 0 {
		t.Errorf("%+v, %v", got, err)
	}
	state, err := Look(t.Context(), s)
	if err != nil || state.Version != "3.6.13" || state.Ready != 2 || state.Release.Version != 2 || state.Chart.Version != "39.0.7" {
		t.Errorf("%+v, %v", state, err)
	}
	if len(state.Pods) != 2 || state.Pods[0].Node != "edge-1" || !state.Pods[1].Ready || state.Pods[1].Reason != "" {
		t.Errorf("pods %+v", state.Pods)
	}
}

// Each thing by itself keeps the step from holding.
func TestRunningDiffers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(t *testing.T, s *site)
		want   string // in the change
	}{
		"the HelmChart failed": {func(t *testing.T, s *site) {
			s.deploy(t, "39.0.7+lab1", doc{"type": "Failed", "status": "True", "reason": "JobFailed", "message": "schema"})
		}, "JobFailed: schema"},
		"Helm fails before there is a release": {func(t *testing.T, s *site) {
			s.kube.Remove(releasesPath + "/sh.helm.release.v1.traefik.v2")
			s.job(t, crashing(""), "+ helm upgrade traefik\nError: UPGRADE FAILED: values:\n- at '/ports': got string\n+ exit\n")
		}, "UPGRADE FAILED: values: - at '/ports': got string"},
		"Helm's job fails without a word of Helm": {func(t *testing.T, s *site) {
			s.release(t, 3, "failed", "timed out", ourValues(t))
			s.job(t, crashing(""), "+ exit 1\n")
		}, "release 3 failed: timed out"},
		"a release failed":        {func(t *testing.T, s *site) { s.release(t, 3, "failed", "timed out", ourValues(t)) }, "release 3 failed: timed out"},
		"an upgrade is under way": {func(t *testing.T, s *site) { s.release(t, 3, "pending-upgrade", "", nil) }, "pending-upgrade"},
		"other values":            {func(t *testing.T, s *site) { s.release(t, 2, "deployed", "", []byte("hostNetwork: true")) }, "without our values"},
		"no release":              {func(_ *testing.T, s *site) { s.kube.Remove(releasesPath + "/sh.helm.release.v1.traefik.v2") }, "no release"},
		"other arguments":         {func(t *testing.T, s *site) { s.daemon(t, ourArgs(t)[1:], 2) }, "without --entryPoints"},
		"one entrypoint too many": {func(t *testing.T, s *site) { s.daemon(t, append(ourArgs(t), "--entryPoints.x.address=:81/tcp"), 2) }, "with --entryPoints.x"},
		"no DaemonSet":            {func(_ *testing.T, s *site) { s.kube.Remove(daemonSetPath) }, "without --entryPoints"},
		"one pod is not ready": {func(t *testing.T, s *site) {
			s.daemon(t, ourArgs(t), 1)
			s.pod(t, "traefik-b", "edge-2", doc{"phase": "Pending", "containerStatuses": []any{doc{"state": doc{"waiting": doc{"reason": "ErrImagePull", "message": "no such image"}}}}})
		}, "1 of 2 pods ready; edge-2: ErrImagePull: no such image"},
		"a change is not yet seen":  {func(t *testing.T, s *site) { s.daemon(t, ourArgs(t), 2, doc{"observedGeneration": 0}) }, "as Helm wants"},
		"a pod of the old template": {func(t *testing.T, s *site) { s.daemon(t, ourArgs(t), 2, doc{"updatedNumberScheduled": 1}) }, "2 of 2 pods ready, 1 of them as Helm wants"},
		"a node that is left out":   {func(t *testing.T, s *site) { s.daemon(t, ourArgs(t), 2, doc{"desiredNumberScheduled": 1}) }, "2 of 1"},
		"no chart":                  {func(_ *testing.T, s *site) { s.kube.Remove(ref().Path()) }, "not deployed"},
	} {
		s := settledSite(t)
		c.change(t, s)
		changes, err := running{tunnelled()}.Check(t.Context(), s)
		if err != nil || len(changes) != 1 || !strings.Contains(changes[0].Have, c.want) {
			t.Errorf("%s: %+v, %v, want %q", name, changes, err, c.want)
		}
	}
}

func TestRunningWantsEachNode(t *testing.T) {
	t.Parallel()
	s := settledSite(t)
	three := tunnelled()
	three.Cluster.Nodes = append(three.Cluster.Nodes, three.Cluster.Nodes[0])
	if changes, err := (running{three}).Check(t.Context(), s); err != nil || len(changes) != 1 || changes[0].ID != idPods {
		t.Errorf("with a third node: %+v, %v", changes, err)
	}
	for _, path := range []string{"helmcharts", "secrets", "daemonsets", "pods"} {
		away := settledSite(t)
		if err := away.kube.Fault(fakekube.Fault{Path: path, Trouble: fakekube.Away}); err != nil {
			t.Fatal(err)
		}
		if changes, err := (running{tunnelled()}).Check(t.Context(), away); !cluster.Away(err) || len(changes) != 0 {
			t.Errorf("%s away: %+v, %v", path, changes, err)
		}
	}
}

// A release that an earlier run left behind is cleared away, and Helm tries again.
func TestRunningClearsAFailedRelease(t *testing.T) {
	t.Parallel()
	for name, failed := range map[string][]int{"upgrade": {3}, "upgrades": {3, 4}, "installation": {1}} {
		synctest.Test(t, func(t *testing.T) {
			s := settledSite(t)
			if name == "installation" {
				s.kube.Remove(releasesPath + "/sh.helm.release.v1.traefik.v2")
			}
			for _, version := range failed {
				s.release(t, version, "failed", "timed out", ourValues(t))
			}
			s.put(t, in("Job", "batch/v1", "helm-install-traefik", doc{"spec": doc{"template": doc{}}}))
			s.kube.React(func(path string, _ map[string]any) {
				if path == jobPath {
					s.release(t, 5, "deployed", "Upgrade complete", ourValues(t))
				}
			})
			if got, err := apply(t, s, running{tunnelled()}); err != nil || got.Changed != 1 {
				t.Errorf("%s: %+v, %v", name, got, err)
			}
			writes := s.kube.Writes()
			if len(writes) != len(failed)+1 || s.kube.Object(releasesPath+"/sh.helm.release.v1.traefik.v2") == nil && name != "installation" {
				t.Errorf("%s: writes %+v", name, writes)
			}
		})
	}
}

func TestRunningExplainsWhatFailsAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := settledSite(t)
		s.release(t, 3, "failed", "timed out", ourValues(t))
		s.kube.React(func(path string, _ map[string]any) {
			if strings.HasSuffix(path, ".v3") {
				s.release(t, 3, "failed", "DaemonSet.apps is invalid", ourValues(t))
			}
		})
		_, err := apply(t, s, running{tunnelled()})
		if err == nil || !strings.Contains(err.Error(), "DaemonSet.apps is invalid, again") || !strings.Contains(hintOf(err), "job/helm-install-traefik") {
			t.Errorf("%v, hint %q", err, hintOf(err))
		}
	})
}

func TestRunningRestartsACrashingPodOnce(t *testing.T) {
	t.Parallel()
	const denied = "starting\nlisten tcp :80: bind: permission denied\n"
	for mended, want := range map[bool]string{true: "", false: "edge-2 crashes: CrashLoopBackOff: listen tcp :80: bind: permission denied"} {
		synctest.Test(t, func(t *testing.T) {
			s := settledSite(t)
			s.daemon(t, ourArgs(t), 1)
			s.pod(t, "traefik-b", "edge-2", crashing(denied))
			s.kube.React(func(path string, _ map[string]any) {
				if !strings.HasSuffix(path, "/traefik-b") {
					return
				}
				if !mended {
					s.pod(t, "traefik-c", "edge-2", crashing(denied))
					return
				}
				s.pod(t, "traefik-c", "edge-2", nil)
				s.daemon(t, ourArgs(t), 2)
			})
			_, err := apply(t, s, running{tunnelled()})
			if mended != (err == nil) || err != nil && (!strings.Contains(err.Error(), want) || !strings.Contains(hintOf(err), "ip_unprivileged_port_start")) {
				t.Errorf("mended %t: %v, hint %q", mended, err, hintOf(err))
			}
			if writes := s.kube.Writes(); len(writes) != 1 {
				t.Errorf("writes %+v", writes)
			}
		})
	}
}

// What is only waited for is told, and has its hint when the wait is over.
func TestRunningHints(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status    doc
		log       string
		why, hint string
	}{
		"ports held": {doc{"phase": "Pending", "conditions": []any{doc{"type": "PodScheduled", "status": "False",
			"message": "0/2 nodes are available: 1 node(s) didn't have free ports for the requested pod ports."}}}, "", "free ports", "disable: [servicelb]"},
		"image missing":  {doc{"phase": "Pending", "containerStatuses": []any{doc{"state": doc{"waiting": doc{"reason": "ImagePullBackOff"}}}}}, "", "ImagePullBackOff", "agent/images"},
		"still starting": {doc{"phase": "Running"}, "", "edge-2: running", "describe daemonset"},
		"port taken":     {crashing(""), "listen tcp :443: bind: address already in use\n", "address already in use", "ss -ltnp"},
		"crash unseen":   {crashing(""), "", "edge-2: CrashLoopBackOff", "describe daemonset"},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := settledSite(t)
			s.daemon(t, ourArgs(t), 1)
			s.pod(t, "traefik-b", "edge-2", c.status)
			for _, pod := range []string{"traefik-b", "traefik-c"} {
				if c.log != "" {
					s.files[chart.Pod{Name: pod}.Path(namespace)+"/log"] = []byte(c.log)
				}
			}
			s.kube.React(func(path string, _ map[string]any) {
				if strings.HasSuffix(path, "/traefik-b") {
					s.pod(t, "traefik-c", "edge-2", c.status)
				}
			})
			_, err := apply(t, s, running{tunnelled()})
			if err == nil || !strings.Contains(strings.ReplaceAll(err.Error(), " crashes", ""), c.why) || !strings.Contains(hintOf(err), c.hint) {
				t.Errorf("%s: %v, hint %q", name, err, hintOf(err))
			}
		})
	}
}

func TestStages(t *testing.T) {
	t.Parallel()
	s := settledSite(t)
	result, err := converge.Run(t.Context(), nil, silent{}, PlanStages(tunnelled(), s)...)
	if err != nil || result != (converge.Result{Differs: 1, Holds: 1}) || len(s.kube.Writes()) != 0 {
		t.Errorf("plan: %+v, %v, %v", result, err, s.kube.Writes())
	}
	for _, want := range []converge.Result{{Changed: 1, Holds: 1}, {Holds: 2}} {
		if result, err = converge.Run(t.Context(), nil, silent{}, Stages(tunnelled(), s)...); err != nil || result != want {
			t.Errorf("%+v, %v, want %+v", result, err, want)
		}
	}
}

func TestVersionOf(t *testing.T) {
	t.Parallel()
	for image, want := range map[string]string{
		"rancher/mirrored-library-traefik:3.6.13":      "3.6.13",
		"docker.io/traefik:v3.7.11":                    "3.7.11",
		"registry.lan:5000/traefik:v3.7.11@sha256:abc": "3.7.11",
		"registry.lan:5000/traefik":                    "",
		"":                                             "",
	} {
		if got := versionOf(image); got != want {
			t.Errorf("%q: %q, want %q", image, got, want)
		}
	}
	if got := fmt.Sprint(State{}); got != "no release" {
		t.Errorf("an empty state is %q", got)
	}
}
