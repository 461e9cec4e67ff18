package main

import (
	"bytes"
	"compress/gzip"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
)

func TestTheImagesOfK3sedge(t *testing.T) {
	t.Parallel()
	files, listed := images(t, ownImagesFile)
	var tags, layers []string
	for _, i := range listed {
		tags, layers = append(tags, i.RepoTags...), append(layers, i.Layers...)
		if files[i.Config] == nil || files[i.Layers[0]] == nil {
			t.Errorf("%+v names what is not there", i)
		}
	}
	want := []string{
		"quay.io/jetstack/cert-manager-controller:v1.2.3", "quay.io/jetstack/cert-manager-webhook:v1.2.3",
		"quay.io/jetstack/cert-manager-cainjector:v1.2.3", "quay.io/jetstack/cert-manager-startupapicheck:v1.2.3",
		"cloudflare/cloudflared:2026.8.2",
	}
	if !slices.Equal(tags, want) || layers[0] != layers[3] || layers[0] == layers[4] {
		t.Errorf("images %q of layers %q", tags, layers)
	}
	if about := string(files[listed[1].Config]); !strings.Contains(about, `"Entrypoint":["/app/cert-manager","webhook"]`) || !strings.Contains(about, `"User":"1000"`) {
		t.Errorf("the webhook's image is %s", about)
	}
}

func TestTheChartIsPackedAsARelease(t *testing.T) {
	t.Parallel()
	plain, err := gzip.NewReader(bytes.NewReader(read(t, packed(t), chartFile)))
	if err != nil {
		t.Fatal(err)
	}
	files, _ := unpacked(t, plain)
	for name, want := range map[string]string{
		"Chart.yaml": "appVersion: v1.2.3\nname: cert-manager\nversion: v1.2.3\n", "README.md": "# v1.2.3\n", "values.yaml": "a: 1\n",
		"templates/rbac.yaml": "r", "templates/_helpers.tpl": "h", "templates/NOTES.txt": "n", "values.schema.json": "{}",
	} {
		if got := string(files["cert-manager/"+name]); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	if len(files) != 7 {
		t.Errorf("%d files", len(files))
	}
	if err := packChart(t.TempDir(), "v1.2.3", filepath.Join(t.TempDir(), "x.tgz")); err == nil {
		t.Error("packed a chart that is not there")
	}
}

// TestTheRealChartNamesTheImages renders the chart of cert-manager's module.
func TestTheRealChartNamesTheImages(t *testing.T) {
	t.Parallel()
	list := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/cert-manager/cert-manager")
	list.Dir = "../../certmanager"
	dir, err := list.Output()
	if err != nil || len(bytes.TrimSpace(dir)) == 0 {
		t.Skipf("cert-manager's module is not here: %v", err)
	}
	const version = "v1.21.2"
	file := filepath.Join(t.TempDir(), "chart.tgz")
	if err := packChart(filepath.Join(string(bytes.TrimSpace(dir)), "deploy/charts/cert-manager"), version, file); err != nil {
		t.Fatal(err)
	}
	chart, err := loader.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	values, err := chartutil.ToRenderValues(chart, map[string]any{"crds": map[string]any{"enabled": true}},
		chartutil.ReleaseOptions{Name: "cert-manager", Namespace: "cert-manager"}, chartutil.DefaultCapabilities)
	if err != nil {
		t.Fatal(err)
	}
	rendered, err := engine.Render(chart, values)
	if err != nil {
		t.Fatal(err)
	}
	all, crds := "", 0
	for _, text := range rendered {
		all += text
		crds += strings.Count(text, "kind: CustomResourceDefinition\n")
	}
	for _, i := range (inputs{version: version}).images() {
		if !strings.Contains(all, `image: "`+i.tag+`"`) {
			t.Errorf("no object has the image %s", i.tag)
		}
	}
	if crds != 6 || chart.AppVersion() != version || !strings.Contains(all, "quay.io/jetstack/cert-manager-acmesolver:"+version) {
		t.Errorf("%d definitions in %s", crds, chart.AppVersion())
	}
}
