package chart

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"

	"go.yaml.in/yaml/v3"
	helm "helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	"helm.sh/helm/v3/pkg/releaseutil"
)

// Load reads a chart as it is packed, and returns its version.
func Load(tgz []byte) (version string, err error) {
	c, err := load(tgz)
	if err != nil {
		return "", err
	}
	return c.Metadata.Version, nil
}

func load(tgz []byte) (*helm.Chart, error) {
	c, err := loader.LoadArchive(bytes.NewReader(tgz))
	if err != nil {
		return nil, fmt.Errorf("load the chart: %w", err)
	}
	return c, nil
}

// Render returns the manifests that Helm would make of the chart with the
// values, by their files, later values over earlier ones. Nothing is installed.
func (r Ref) Render(tgz []byte, values ...[]byte) (map[string]string, error) {
	c, err := load(tgz)
	if err != nil {
		return nil, err
	}
	merged := map[string]any{}
	for _, v := range values {
		layer, err := chartutil.ReadValues(v)
		if err != nil {
			return nil, fmt.Errorf("read the values: %w", err)
		}
		merged = chartutil.CoalesceTables(layer, merged)
	}
	release := chartutil.ReleaseOptions{Name: r.Name, Namespace: r.Namespace, Revision: 1, IsInstall: true}
	vals, err := chartutil.ToRenderValues(c, merged, release, chartutil.DefaultCapabilities.Copy())
	if err != nil {
		return nil, fmt.Errorf("chart %s refuses the values: %w", c.Metadata.Version, err)
	}
	manifests, err := engine.Render(c, vals)
	if err != nil {
		return nil, fmt.Errorf("render chart %s: %w", c.Metadata.Version, err)
	}
	return manifests, nil
}

// Decode reads each document of the manifests as a T, in the order of the
// files. Documents end where they do for Helm, which is less strict than YAML.
func Decode[T any](manifests map[string]string) ([]T, error) {
	var out []T
	for _, file := range slices.Sorted(maps.Keys(manifests)) {
		if !strings.HasSuffix(file, ".yaml") {
			continue // notes for people
		}
		docs := releaseutil.SplitManifests(manifests[file])
		names := slices.Collect(maps.Keys(docs))
		sort.Sort(releaseutil.BySplitManifestsOrder(names))
		for _, name := range names {
			var d T
			if err := yaml.Unmarshal([]byte(docs[name]), &d); err != nil {
				return nil, fmt.Errorf("%s is not YAML: %w", file, err)
			}
			out = append(out, d)
		}
	}
	return out, nil
}
