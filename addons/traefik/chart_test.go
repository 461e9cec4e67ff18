package traefik

import (
	"strings"
	"testing"

	"github.com/k3sedge/k3sedge/provision/cluster"
)

func TestChartOf(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]Chart{
		"traefik-39.0.701+up39.0.7.tgz":                                            {"traefik-39.0.701+up39.0.7.tgz", "39.0.7", 39},
		"traefik-39.0.7+lab1.tgz":                                                  {"traefik-39.0.7+lab1.tgz", "39.0.7", 39},
		"traefik-34.2.1+up34.2.0.tgz":                                              {"traefik-34.2.1+up34.2.0.tgz", "34.2.0", 34},
		"https://%{KUBERNETES_API}%/static/charts/traefik-40.1.3+up40.1.0.tgz":     {"traefik-40.1.3+up40.1.0.tgz", "40.1.0", 40},
		"https://10.43.0.1:443/static/charts/traefik-39.0.501%2Bup39.0.5.tgz":      {"traefik-39.0.501+up39.0.5.tgz", "39.0.5", 39},
		"/var/lib/rancher/k3s/server/static/charts/traefik-41.3.0.tgz":             {"traefik-41.3.0.tgz", "41.3.0", 41},
		"https://%{KUBERNETES_API}%/static/charts/traefik-38.0.201+up38.0.2.tgz":   {"traefik-38.0.201+up38.0.2.tgz", "38.0.2", 38},
		"traefik-37.1.1-rc.1+up37.1.1.tgz":                                         {"traefik-37.1.1-rc.1+up37.1.1.tgz", "37.1.1", 37},
		"https://%{KUBERNETES_API}%/static/charts/traefik-39.0.7+lab1.tgz":         {"traefik-39.0.7+lab1.tgz", "39.0.7", 39},
		"https://k3s.io/k3s-charts/assets/traefik/traefik-36.0.0+up36.0.0-k3s.tgz": {"traefik-36.0.0+up36.0.0-k3s.tgz", "36.0.0", 36},
	} {
		if got, err := ChartOf(in); err != nil || got != want {
			t.Errorf("%s: %+v, %v, want %+v", in, got, err, want)
		}
	}
}

func TestChartOfRefuses(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                                "not the file of a Traefik chart",
		"traefik":                         "not the file of a Traefik chart",
		"traefik-crd-39.0.7.tgz":          "not the file of a Traefik chart",
		"nginx-39.0.7.tgz":                "not the file of a Traefik chart",
		"traefik-39.0.7.tgz/..":           "not the file of a Traefik chart",
		"traefik-27.0.201+up27.0.2.tgz":   "27.0.2, which is not supported",
		"traefik-42.0.0+up42.0.0.tgz":     "42.0.0, which is not supported",
		"traefik-39.0.701+up33.1.0.tgz":   "33.1.0, which is not supported",
		"traefik-99999999999999.0.0.tgz":  "not the file of a Traefik chart",
		"traefik-39.0.7%2f..%2fother.tgz": "not the file of a Traefik chart",
	} {
		_, err := ChartOf(in)
		if err == nil || !strings.Contains(err.Error(), want) || hintOf(err) == "" {
			t.Errorf("%q: %v with hint %q, want %q", in, err, hintOf(err), want)
		}
	}
}

func FuzzChartOf(f *testing.F) {
	f.Add("https://%{KUBERNETES_API}%/static/charts/traefik-39.0.701+up39.0.7.tgz")
	f.Add("traefik-39.0.7%2Blab1.tgz")
	f.Fuzz(func(t *testing.T, in string) {
		c, err := ChartOf(in)
		if err != nil {
			return
		}
		if strings.ContainsAny(c.File, "/?#%") || c.Major < oldestMajor || c.Major > newestMajor || !strings.Contains(c.File, c.Version) {
			t.Errorf("%q gives %+v", in, c)
		}
		if again, err := ChartOf(c.File); err != nil || again != c {
			t.Errorf("%q gives %+v, and its own file %+v, %v", in, c, again, err)
		}
	})
}

func TestChartFor(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]int{
		"v1.32.2+k3s1": 34, "v1.33.5+k3s1": 34, "v1.34.3+k3s1": 37, "v1.35.4+lab1": 39, "v1.35.5+k3s1": 39,
		"v1.33.8+k3s1": 34, "v1.33.9+k3s1": 39, "v1.34.4+k3s1": 37, "v1.34.5+k3s1": 39, "v1.35.1+k3s1": 38, "v1.35.2+k3s1": 39,
		"v1.35.6+k3s1": 40, "v1.35.8+k3s1": 40, "v1.36.0+k3s1": 39, "v1.36.4+k3s1": 40, "v1.37.0-rc4+k3s1": 41, "v1.52.0+k3s1": 41,
	} {
		if c, err := ChartFor(version); err != nil || c.Major != want {
			t.Errorf("%s: %+v, %v, want %d", version, c, err, want)
		}
	}
	for _, version := range []string{"", "1.35.5", "v1.35", "v2.0.0", "v1.31.9+k3s1", "v1.32.1+k3s1", "latest"} {
		if c, err := ChartFor(version); err == nil || hintOf(err) == "" {
			t.Errorf("%q: %+v, %v", version, c, err)
		}
	}
}

func TestChartOnCluster(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	if _, err := ChartOnCluster(t.Context(), s); !cluster.NotFound(err) {
		t.Errorf("before K3s has deployed it: %v", err)
	}
	s.deploy(t, "39.0.7+lab1")
	if c, err := ChartOnCluster(t.Context(), s); err != nil || c != mustChart(t, "39.0.7+lab1") {
		t.Errorf("%+v, %v", c, err)
	}
}
