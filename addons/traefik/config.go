package traefik

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"

	"go.yaml.in/yaml/v3"

	"github.com/k3sedge/k3sedge/addons/object"
	"github.com/k3sedge/k3sedge/inventory"
)

// ConfigFor returns the configuration of Traefik for one version of its chart.
// ranges are those that may speak for their clients in mode portforward.
func ConfigFor(c inventory.Cluster, chart Chart, ranges []netip.Prefix) (object.HelmChartConfig, error) {
	if modeOf(c) == inventory.EdgePortForward && len(ranges) == 0 {
		return object.HelmChartConfig{}, errors.New("no networks of Cloudflare to trust, so that every client would look like Cloudflare")
	}
	content, err := newValues(c, chart, ranges).encode()
	if err != nil {
		return object.HelmChartConfig{}, err
	}
	return object.HelmChartConfig{
		// Under any other name the chart's controller ignores it silently.
		Meta: object.Meta{Name: name, Namespace: namespace},
		// The policy by default uninstalls a release whose upgrade failed.
		Spec: object.HelmChartConfigSpec{FailurePolicy: "abort", ValuesContent: string(content)},
	}, nil
}

// Manifest is the file for the folder of manifests that K3s applies when it
// starts, so that Traefik is configured from its first start on.
func Manifest(c inventory.Cluster, chart Chart, ranges []netip.Prefix) ([]byte, error) {
	config, err := ConfigFor(c, chart, ranges)
	if err != nil {
		return nil, err
	}
	return object.YAML(config)
}

// encode writes the values as YAML.
func (v values) encode() ([]byte, error) {
	var out bytes.Buffer
	e := yaml.NewEncoder(&out)
	e.SetIndent(2)
	if err := errors.Join(e.Encode(v), e.Close()); err != nil {
		return nil, fmt.Errorf("render Traefik's values: %w", err)
	}
	return out.Bytes(), nil
}
