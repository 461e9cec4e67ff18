package traefik

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"

	"go.yaml.in/yaml/v3"

	"github.com/k3sedge/k3sedge/inventory"
)

// HelmChartConfig carries our values to the chart that K3s deploys. Its name
// and namespace are those of the HelmChart; any other is ignored silently.
type HelmChartConfig struct {
	APIVersion string              `json:"apiVersion" yaml:"apiVersion"`
	Kind       string              `json:"kind" yaml:"kind"`
	Metadata   metadata            `json:"metadata" yaml:"metadata"`
	Spec       HelmChartConfigSpec `json:"spec" yaml:"spec"`
}

type metadata struct {
	Name      string            `json:"name" yaml:"name"`
	Namespace string            `json:"namespace" yaml:"namespace"`
	Labels    map[string]string `json:"labels,omitempty" yaml:"labels,omitempty"`
}

// HelmChartConfigSpec is what every release of the Helm controller knows.
type HelmChartConfigSpec struct {
	// FailurePolicy abort keeps the release that runs when an upgrade fails;
	// the default would uninstall it.
	FailurePolicy string `json:"failurePolicy" yaml:"failurePolicy"`
	ValuesContent string `json:"valuesContent" yaml:"valuesContent"`
}

// ConfigFor returns the configuration of Traefik for one version of its chart.
// ranges are those that may speak for their clients in mode portforward.
func ConfigFor(c inventory.Cluster, chart Chart, ranges []netip.Prefix) (HelmChartConfig, error) {
	if c.Edge != nil && c.Edge.Mode == inventory.EdgePortForward && len(ranges) == 0 {
		return HelmChartConfig{}, errors.New("no networks of Cloudflare to trust, so that every client would look like Cloudflare")
	}
	content, err := encode(newValues(c, chart, ranges))
	if err != nil {
		return HelmChartConfig{}, fmt.Errorf("render Traefik's values: %w", err)
	}
	return HelmChartConfig{
		APIVersion: "helm.cattle.io/v1",
		Kind:       "HelmChartConfig",
		Metadata:   metadata{Name: name, Namespace: namespace, Labels: map[string]string{"app.kubernetes.io/managed-by": "k3sedge"}},
		Spec:       HelmChartConfigSpec{FailurePolicy: "abort", ValuesContent: string(content)},
	}, nil
}

// Manifest is the file for the folder of manifests that K3s applies when it
// starts, so that Traefik is configured from its first start on.
func Manifest(c inventory.Cluster, chart Chart, ranges []netip.Prefix) ([]byte, error) {
	config, err := ConfigFor(c, chart, ranges)
	if err != nil {
		return nil, err
	}
	return encode(config)
}

func encode(v any) ([]byte, error) {
	var out bytes.Buffer
	e := yaml.NewEncoder(&out)
	e.SetIndent(2)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return out.Bytes(), e.Close()
}
