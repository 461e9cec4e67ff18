package helm

import (
	"errors"
	"io"
	"testing"

	"helm.sh/helm/v3/pkg/action"
	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chartutil"
	kubefake "helm.sh/helm/v3/pkg/kube/fake"
	"helm.sh/helm/v3/pkg/release"
	"helm.sh/helm/v3/pkg/storage"
	"helm.sh/helm/v3/pkg/storage/driver"
)

// refusing is an API that takes nothing while its field is set.
type refusing struct {
	kubefake.FailingKubeClient
}

func newConfiguration() (*action.Configuration, *refusing) {
	api := &refusing{kubefake.FailingKubeClient{PrintingKubeClient: kubefake.PrintingKubeClient{Out: io.Discard, LogOutput: io.Discard}}}
	return &action.Configuration{
		Releases: storage.Init(driver.NewMemory()), KubeClient: api,
		Capabilities: chartutil.DefaultCapabilities, Log: func(string, ...any) {},
	}, api
}

func sample(input, policy string) target {
	return target{
		namespace: "kube-system", name: "edge", input: input, policy: policy,
		chart: &chart.Chart{
			Metadata:  &chart.Metadata{APIVersion: "v2", Name: "edge", Version: "1.0.0"},
			Templates: []*chart.File{{Name: "templates/a.yaml", Data: []byte("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n")}},
			Schema:    []byte(`{"properties":{"size":{"type":"integer"}}}`),
		},
	}
}

func do(t *testing.T, cfg *action.Configuration, what target, want string) {
	t.Helper()
	did, err := what.converge(t.Context(), cfg)
	if err != nil || did != want {
		t.Fatalf("did %q, %v; want %q", did, err, want)
	}
}

func TestConvergeDoesNothingTwice(t *testing.T) {
	t.Parallel()
	cfg, _ := newConfiguration()
	do(t, cfg, sample("one", Abort), "installed")
	do(t, cfg, sample("one", Abort), "")
	do(t, cfg, sample("two", Abort), "upgraded")
	do(t, cfg, sample("two", Abort), "")
	if last, _ := cfg.Releases.Last("edge"); last.Version != 2 {
		t.Errorf("revision %d", last.Version)
	}
}

func TestAbortLeavesAFailedRelease(t *testing.T) {
	t.Parallel()
	cfg, api := newConfiguration()
	do(t, cfg, sample("one", Abort), "installed")
	api.UpdateError = errors.New("the API refuses")
	if _, err := sample("two", Abort).converge(t.Context(), cfg); err == nil {
		t.Fatal("a refusal passed")
	}
	api.UpdateError = nil
	for range 2 {
		if _, err := sample("three", Abort).converge(t.Context(), cfg); !errors.Is(err, errAborted) {
			t.Fatalf("got %v", err)
		}
	}
	last, err := cfg.Releases.Last("edge")
	if err != nil || last.Version != 2 || last.Info.Status != release.StatusFailed {
		t.Fatalf("the failed release was touched: %+v, %v", last.Info, err)
	}
	if _, err := cfg.Releases.Delete("edge", 2); err != nil { // what clears it
		t.Fatal(err)
	}
	do(t, cfg, sample("three", Abort), "upgraded")
}

func TestReinstallBeginsAnew(t *testing.T) {
	t.Parallel()
	cfg, api := newConfiguration()
	do(t, cfg, sample("one", Reinstall), "installed")
	api.UpdateError = errors.New("the API refuses")
	if _, err := sample("two", Reinstall).converge(t.Context(), cfg); err == nil {
		t.Fatal("a refusal passed")
	}
	api.UpdateError = nil
	do(t, cfg, sample("two", Reinstall), "reinstalled")
	if last, _ := cfg.Releases.Last("edge"); last.Version != 1 {
		t.Errorf("revision %d of a new release", last.Version)
	}
}

func TestASchemasRefusalMakesNoRevision(t *testing.T) {
	t.Parallel()
	cfg, _ := newConfiguration()
	do(t, cfg, sample("one", Abort), "installed")
	wrong := sample("two", Abort)
	wrong.values = map[string]any{"size": "large"}
	if _, err := wrong.converge(t.Context(), cfg); err == nil {
		t.Fatal("the schema let it pass")
	}
	if last, _ := cfg.Releases.Last("edge"); last.Version != 1 || last.Info.Status != release.StatusDeployed {
		t.Errorf("release %+v", last.Info)
	}
}

func TestAnInterruptedTryIsAFailedOne(t *testing.T) {
	t.Parallel()
	cfg, _ := newConfiguration()
	do(t, cfg, sample("one", Abort), "installed")
	last, _ := cfg.Releases.Last("edge")
	last.Info.Status = release.StatusPendingUpgrade
	if err := cfg.Releases.Update(last); err != nil {
		t.Fatal(err)
	}
	if _, err := sample("two", Abort).converge(t.Context(), cfg); !errors.Is(err, errAborted) {
		t.Errorf("got %v", err)
	}
}
