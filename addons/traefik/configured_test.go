package traefik

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/cluster"
	"github.com/k3sedge/k3sedge/provision/converge"
	"github.com/k3sedge/k3sedge/testinfra/fakekube"
)

const configAt = "/apis/helm.cattle.io/v1/namespaces/kube-system/helmchartconfigs/traefik"

// silent takes events and drops them.
type silent struct{}

func (silent) Report(converge.Event) {}

// apply brings one step to hold.
func apply(t *testing.T, s *site, st step) (converge.Result, error) {
	t.Helper()
	return converge.Run(t.Context(), nil, silent{}, stage(converge.Bind[cluster.Reader, cluster.API]("", s, s, st))...)
}

func tunnelled() Config { return Config{Cluster: clusterIn(inventory.EdgeTunnel), Ranges: Ranges()} }

func TestConfiguredWritesOnceAndHolds(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.deploy(t, "39.0.7+lab1")
	if changes, err := (configured{tunnelled()}).Check(t.Context(), s); err != nil || len(changes) != 1 || changes[0].Have != "none" {
		t.Errorf("without a configuration: %v, %v", changes, err)
	}
	for run, want := range []converge.Result{{Changed: 1}, {Holds: 1}} {
		if got, err := apply(t, s, configured{tunnelled()}); err != nil || got != want {
			t.Errorf("run %d: %+v, %v", run, got, err)
		}
	}
	if writes := s.kube.Writes(); len(writes) != 1 || writes[0].Path != configAt {
		t.Errorf("writes: %+v", writes)
	}
}

// What K3s applied from its folder is what would be written: nothing is.
func TestConfiguredLeavesTheManifestAlone(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.deploy(t, "39.0.7+lab1")
	config, err := ConfigFor(tunnelled().Cluster, mustChart(t, "39.0.7+lab1"), nil)
	if err != nil {
		t.Fatal(err)
	}
	s.put(t, in("HelmChartConfig", "helm.cattle.io/v1", "traefik", doc{"spec": config.Spec}))
	if got, err := apply(t, s, configured{tunnelled()}); err != nil || got.Holds != 1 || len(s.kube.Writes()) != 0 {
		t.Errorf("%+v, %v, %v", got, err, s.kube.Writes())
	}
}

// A guess that was wrong, or a K3s that was upgraded, is put right.
func TestConfiguredRewritesForTheClustersChart(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.deploy(t, "39.0.7+lab1")
	guess, err := ConfigFor(clusterIn(inventory.EdgeLAN), mustChart(t, "34.2.0"), nil)
	if err != nil {
		t.Fatal(err)
	}
	s.put(t, in("HelmChartConfig", "helm.cattle.io/v1", "traefik", doc{"spec": doc{"valuesContent": guess.Spec.ValuesContent}}))
	changes, err := configured{tunnelled()}.Check(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]bool{}
	for _, c := range changes {
		ids[c.ID] = true
	}
	for _, id := range []string{"failurePolicy", "ports.tunnel.port", "ports.web.redirections.entryPoint.to", "ports.web.http.redirections.entryPoint.to", "ports.websecure.http.tls.enabled"} {
		if !ids[id] {
			t.Errorf("%s is not among the changes: %v", id, slices.Sorted(maps.Keys(ids)))
		}
	}
	if ids["ports.web.port"] || ids["hostNetwork"] {
		t.Errorf("what is the same is among the changes: %v", slices.Sorted(maps.Keys(ids)))
	}
	if got, err := apply(t, s, configured{tunnelled()}); err != nil || got.Changed != 1 {
		t.Errorf("%+v, %v", got, err)
	}
}

// K3s' own values are part of what the chart is judged with.
func TestConfiguredValidatesWithK3sValues(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.deploy(t, "39.0.7+lab1")
	s.files["/static/charts/traefik-39.0.7+lab1.tgz"] = fixtureChart(t, "39.0.7",
		`{{ if not .Values.priorityClassName }}{{ fail "no class" }}{{ end }}`, fmt.Sprintf(workload, "$p.http"))
	if got, err := apply(t, s, configured{tunnelled()}); err != nil || got.Changed != 1 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestDifferences(t *testing.T) {
	t.Parallel()
	want, err := ConfigFor(clusterIn(inventory.EdgeLAN), mustChart(t, "39.0.7"), nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"broken": "a: [", "another form": "# by hand\n" + want.Spec.ValuesContent} {
		have := want.Spec
		have.ValuesContent = text
		if got := differences(have, want.Spec); len(got) != 1 || got[0].ID != "values" {
			t.Errorf("%s: %v", name, got)
		}
	}
	if got := differences(want.Spec, want.Spec); got != nil {
		t.Errorf("same: %v", got)
	}
}

func TestConfiguredWaitsForTheChart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		if changes, err := (configured{tunnelled()}).Check(t.Context(), s); err != nil || len(changes) != 1 {
			t.Errorf("before the chart is there: %v, %v", changes, err)
		}
		time.AfterFunc(20*time.Second, func() { s.deploy(t, "39.0.7+lab1") })
		if got, err := apply(t, s, configured{tunnelled()}); err != nil || got.Changed != 1 {
			t.Errorf("%+v, %v", got, err)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		if _, err := apply(t, newSite(t), configured{tunnelled()}); err == nil || hintOf(err) != chartHint {
			t.Errorf("a chart that never comes: %v", err)
		}
	})
}

func TestConfiguredWritesNothingThatIsRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		chart []byte
		want  string
	}{
		"refused by the chart": {fixtureChart(t, "39.0.7", `{{ fail "not with me" }}`), "not with me"},
		"values left out":      {fixtureChart(t, "34.2.0"), "leaves out"},
		"half a chart":         {fixtureChart(t, "39.0.7")[:100], "load the chart"},
		"no chart":             {nil, "get Traefik's chart"},
	} {
		s := newSite(t)
		s.deploy(t, "39.0.7+lab1")
		s.files["/static/charts/traefik-39.0.7+lab1.tgz"] = c.chart
		if c.chart == nil {
			clear(s.files)
		}
		_, err := apply(t, s, configured{tunnelled()})
		if err == nil || !strings.Contains(err.Error(), c.want) || len(s.kube.Writes()) != 0 {
			t.Errorf("%s: %v, writes %v", name, err, s.kube.Writes())
		}
	}
}

// An API that is away is never a chart that is not there.
func TestAwayIsNotAbsent(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"helmcharts", "helmchartconfigs"} {
		s := newSite(t)
		s.deploy(t, "39.0.7+lab1")
		if err := s.kube.Fault(fakekube.Fault{Path: path, Trouble: fakekube.Away}); err != nil {
			t.Fatal(err)
		}
		if changes, err := (configured{tunnelled()}).Check(t.Context(), s); !cluster.Away(err) || len(changes) != 0 {
			t.Errorf("%s away: %v, %v", path, changes, err)
		}
	}
	s := newSite(t)
	s.deploy(t, "39.0.7+lab1")
	if err := s.kube.Fault(fakekube.Fault{Method: "PATCH", Trouble: fakekube.Away}); err != nil {
		t.Fatal(err)
	}
	if _, err := apply(t, s, configured{tunnelled()}); !cluster.Away(err) || s.kube.Object(configAt) != nil {
		t.Errorf("away while it is written: %v", err)
	}
	if _, err := ChartOnCluster(t.Context(), s); err != nil {
		t.Errorf("nothing else is lost: %v", err)
	}
	unreadable := in("HelmChart", "helm.cattle.io/v1", "traefik", doc{"spec": doc{"chart": "stable/traefik"}})
	s.put(t, unreadable)
	if _, err := (configured{tunnelled()}).Check(t.Context(), s); err == nil || errors.Is(err, converge.ErrNotConverged) || hintOf(err) == "" {
		t.Errorf("a chart of somebody else: %v", err)
	}
}
