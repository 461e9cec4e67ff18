package helm

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/strvals"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/yaml"
)

// served is what an address of a chart that K3s carries begins with.
const served = "https://%{KUBERNETES_API}%/static/charts/"

// plan says what the HelmChart, and the HelmChartConfig beside it, ask for.
func plan(c Chart, config *Config, chartsDir string) (target, error) {
	values, err := layers(c, config)
	if err != nil {
		return target{}, err
	}
	content, err := load(c, chartsDir)
	if err != nil {
		return target{}, err
	}
	input, err := json.Marshal(values)
	if err != nil {
		return target{}, fmt.Errorf("hash the values: %w", err)
	}
	for _, f := range content.Raw {
		input = append(append(input, f.Name...), f.Data...)
	}
	sum := sha256.Sum256(input)
	t := target{
		namespace: c.releaseNamespace(), name: c.Name, createNamespace: c.Spec.CreateNamespace,
		chart: content, values: values, input: hex.EncodeToString(sum[:16]), policy: c.Spec.FailurePolicy,
	}
	if config != nil && config.Spec.FailurePolicy != "" {
		t.policy = config.Spec.FailurePolicy
	}
	if c.Spec.Timeout != nil {
		t.timeout = c.Spec.Timeout.Duration
	}
	return t, nil
}

// layers merges the values in the order in which K3s' job hands them to Helm:
// the HelmChart's, the HelmChartConfig's, and "set" above all.
func layers(c Chart, config *Config) (map[string]any, error) {
	out := map[string]any{}
	contents := []string{c.Spec.ValuesContent}
	if config != nil {
		contents = append(contents, config.Spec.ValuesContent)
	}
	for i, content := range contents {
		layer := map[string]any{}
		if err := yaml.Unmarshal([]byte(content), &layer); err != nil {
			return nil, fmt.Errorf("valuesContent of the %s: %w", []string{"HelmChart", "HelmChartConfig"}[i], err)
		}
		out = over(out, layer)
	}
	for _, key := range slices.Sorted(maps.Keys(c.Spec.Set)) {
		value := c.Spec.Set[key]
		parse := strvals.ParseInto
		if value.Type == intstr.String && !slices.Contains([]string{"true", "false", "null"}, value.StrVal) {
			parse = strvals.ParseIntoString
		}
		if err := parse(key+"="+value.String(), out); err != nil {
			return nil, fmt.Errorf("set %s: %w", key, err)
		}
	}
	return out, nil
}

// over lays one map of values over another: maps merge, all else replaces.
func over(below, above map[string]any) map[string]any {
	out := maps.Clone(below)
	for key, value := range above {
		upper, isMap := value.(map[string]any)
		lower, wasMap := out[key].(map[string]any)
		if isMap && wasMap {
			value = over(lower, upper)
		}
		out[key] = value
	}
	return out
}

func load(c Chart, chartsDir string) (*chart.Chart, error) {
	name, carried := strings.CutPrefix(c.Spec.Chart, served)
	var out *chart.Chart
	var err error
	switch {
	case c.Spec.Repo != "":
		return nil, errors.New("the lab's Helm controller takes no charts from repositories")
	case c.Spec.ChartContent != "":
		var archive []byte
		if archive, err = base64.StdEncoding.DecodeString(c.Spec.ChartContent); err == nil {
			out, err = loader.LoadArchive(bytes.NewReader(archive))
		}
	case carried && filepath.IsLocal(name):
		out, err = loader.Load(filepath.Join(chartsDir, name))
	case filepath.IsAbs(c.Spec.Chart):
		out, err = loader.Load(c.Spec.Chart)
	default:
		return nil, fmt.Errorf("the lab's Helm controller knows charts of %s, chartContent and folders, not %q", served, c.Spec.Chart)
	}
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("fetch the chart: 404 Not Found: %w", err)
	}
	if err != nil {
		return nil, fmt.Errorf("load the chart: %w", err)
	}
	return out, nil
}
