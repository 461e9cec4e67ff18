package helm

import (
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

func TestLayers(t *testing.T) {
	t.Parallel()
	c := NewChart("kube-system", "traefik")
	c.Spec.ValuesContent = "a: {x: 1, w: 1}\nlist: [1, 2]\n"
	c.Spec.Set = map[string]intstr.IntOrString{"a.z": intstr.FromInt32(3), "on": intstr.FromString("true"), "text": intstr.FromString("3")}
	got, err := layers(c, &Config{Spec: ConfigSpec{ValuesContent: "a: {w: 2}\nlist: [3]\n"}})
	want := map[string]any{
		"a": map[string]any{"x": 1.0, "w": 2.0, "z": int64(3)}, "list": []any{3.0}, "on": true, "text": "3",
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %#v, %v", got, err)
	}
	if _, err := layers(c, &Config{Spec: ConfigSpec{ValuesContent: "a: ["}}); err == nil || !strings.Contains(err.Error(), "HelmChartConfig") {
		t.Errorf("broken YAML: %v", err)
	}
}

func TestPlan(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, content := range map[string]string{"Chart.yaml": "apiVersion: v2\nname: edge\nversion: 1.0.0\n", "values.yaml": "{}\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c := NewChart("kube-system", "edge")
	c.Spec.Chart, c.Spec.FailurePolicy = dir, Reinstall
	first, err := plan(c, nil, "")
	if err != nil || first.policy != Reinstall || first.namespace != "kube-system" {
		t.Fatalf("%+v, %v", first, err)
	}
	second, err := plan(c, &Config{Spec: ConfigSpec{FailurePolicy: Abort, ValuesContent: "a: 1"}}, "")
	if err != nil || second.policy != Abort || second.input == first.input {
		t.Fatalf("%+v, %v", second, err)
	}
}

func TestChartsThatCannotBeHad(t *testing.T) {
	t.Parallel()
	for name, spec := range map[string]ChartSpec{
		"not carried":    {Chart: served + "nothing-1.0.0.tgz"},
		"outside":        {Chart: served + "../server/token"},
		"elsewhere":      {Chart: "https://charts.example.org/x.tgz"},
		"a repository":   {Chart: "traefik", Repo: "https://charts.example.org"},
		"not an archive": {ChartContent: base64.StdEncoding.EncodeToString([]byte("no"))},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := load(Chart{Spec: spec}, t.TempDir()); err == nil {
				t.Error("a chart was found")
			}
		})
	}
}

func TestConditions(t *testing.T) {
	t.Parallel()
	c := NewChart("kube-system", "traefik")
	for _, failure := range []error{nil, errors.New("no")} {
		got := conditions(c, failure)
		if got[0].Type != "JobCreated" || got[0].Status != corev1.ConditionTrue || got[1].Type != "Failed" || (got[1].Status == corev1.ConditionTrue) != (failure != nil) {
			t.Errorf("after %v: %+v", failure, got)
		}
	}
}
