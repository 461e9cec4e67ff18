package traefik

import (
	"context"
	"fmt"
	"net/url"
	"path"
	"regexp"
	"strconv"

	"github.com/k3sedge/k3sedge/addons/chart"
	"github.com/k3sedge/k3sedge/provision/cluster"
	"github.com/k3sedge/k3sedge/provision/machine"
)

const (
	namespace = chart.Home
	name      = "traefik" // of the HelmChart, its HelmChartConfig, the release and the DaemonSet

	oldestMajor, newestMajor = 34, 41
	// nestedMajor is the first chart whose ports keep redirections and TLS below http.
	nestedMajor = 39
)

// Chart is a version of Traefik's Helm chart. What its values are called
// depends on the major number.
type Chart struct {
	File    string // below /static/charts of the API; empty when it is only a guess
	Version string // upstream's, such as 39.0.7
	Major   int
}

// String names the chart to people.
func (c Chart) String() string { return "chart " + c.Version }

// chartFile is NAME-PACKAGED+upUPSTREAM.tgz as K3s names its charts, or any
// other build of an upstream version.
var chartFile = regexp.MustCompile(`^traefik-(?:[0-9][0-9A-Za-z.-]*\+up)?(([0-9]{1,4})\.[0-9]{1,6}\.[0-9]{1,6})(?:[-+][0-9A-Za-z.+-]*)?\.tgz$`)

// ChartOf reads the version from the name of a chart's file, or from the
// address at which a HelmChart says it is.
func ChartOf(fileOrURL string) (Chart, error) {
	file := path.Base(fileOrURL)
	if plain, err := url.PathUnescape(file); err == nil {
		file = plain
	}
	m := chartFile.FindStringSubmatch(file)
	if m == nil {
		return Chart{}, machine.WithHint(fmt.Errorf("read the chart's version from %q: not the file of a Traefik chart", fileOrURL),
			"k3sedge configures the Traefik that K3s carries; was the HelmChart traefik in kube-system replaced?")
	}
	major, err := strconv.Atoi(m[2])
	if err != nil || major < oldestMajor || major > newestMajor {
		return Chart{}, machine.WithHint(fmt.Errorf("the chart of Traefik is %s, which is not supported", m[1]),
			"k3sedge knows the charts %d to %d; choose another release of K3s as k3s.version, or a newer k3sedge", oldestMajor, newestMajor)
	}
	return Chart{File: file, Version: m[1], Major: major}, nil
}

// carried says from which patch of a minor release of K3s 1.x on its chart has which major number.
type carried struct{ minor, patch, major int }

// charts is in ascending order, by the history of k3s manifests/traefik.yaml in
// the release branches. Only the spelling of 34 to 38 and that of 39 and later
// differ in what we set. A wrong guess is corrected as soon as the cluster
// names its chart, but comes back with each restart of K3s, which applies its
// folder of manifests anew then (k3s pkg/deploy).
func charts() []carried {
	return []carried{
		{32, 2, 34}, {32, 13, 39},
		{33, 0, 34}, {33, 9, 39}, {33, 13, 40},
		{34, 0, 34}, {34, 1, 37}, {34, 5, 39}, {34, 9, 40},
		{35, 0, 37}, {35, 1, 38}, {35, 2, 39}, {35, 6, 40},
		{36, 0, 39}, {36, 2, 40},
		{37, 0, 41},
	}
}

var k3sVersion = regexp.MustCompile(`^v1\.([0-9]{1,4})\.([0-9]{1,4})(?:[-+].*)?$`)

// ChartFor guesses the chart that a release of K3s carries, for the first
// start, when no cluster can name it yet.
func ChartFor(version string) (Chart, error) {
	m := k3sVersion.FindStringSubmatch(version)
	if m == nil {
		return Chart{}, machine.WithHint(fmt.Errorf("%q is not a release of K3s", version), "write k3s.version like v1.35.5+k3s1")
	}
	minor, _ := strconv.Atoi(m[1]) // at most four digits
	patch, _ := strconv.Atoi(m[2])
	major := 0
	for _, row := range charts() {
		if row.minor < minor || row.minor == minor && row.patch <= patch {
			major = row.major
		}
	}
	if major == 0 {
		return Chart{}, machine.WithHint(fmt.Errorf("K3s %s carries a Traefik that is too old", version), "set k3s.version to v1.32.2+k3s1 or later")
	}
	return Chart{Version: strconv.Itoa(major), Major: major}, nil
}

// helmChart is what we read of the HelmChart that K3s deploys.
type helmChart struct {
	Spec struct {
		Chart         string `json:"chart"`
		ValuesContent string `json:"valuesContent"`
	} `json:"spec"`
	Status chart.Status `json:"status"`
}

// ChartOnCluster returns the chart that the cluster's own HelmChart names.
// While K3s has not deployed it, cluster.NotFound holds for the error.
func ChartOnCluster(ctx context.Context, r cluster.Reader) (Chart, error) {
	_, c, err := lookAtChart(ctx, r)
	return c, err
}

func lookAtChart(ctx context.Context, r cluster.Reader) (h helmChart, c Chart, err error) {
	if h, err = chart.Get[helmChart](ctx, r, ref().Path()); err != nil {
		return h, c, fmt.Errorf("read the HelmChart of Traefik: %w", err)
	}
	c, err = ChartOf(h.Spec.Chart)
	return h, c, err
}

func ref() chart.Ref { return chart.Ref{Name: name, Namespace: namespace} }
