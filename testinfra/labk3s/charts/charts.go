package charts

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"

	"sigs.k8s.io/yaml"

	"github.com/k3sedge/k3sedge/testinfra/labk3s/helm"
)

// Version is the version of both charts, in the place of K3s' 39.0.701+up39.0.7.
const Version = "39.0.7+lab1"

// Image is the Traefik that the charts start, under the name that K3s gives it.
const Image, Tag = "rancher/mirrored-library-traefik", "3.6.12"

//go:embed all:traefik
var traefikChart embed.FS

//go:embed packed
var packed embed.FS

// ErrNotPacked says that the program was built without the chart traefik-crd.
var ErrNotPacked = errors.New("the chart traefik-crd was not made before this program was built: run crdgen, then build")

// Stage writes the charts below staticDir/charts and the manifests that install
// them into manifestsDir, as K3s does at each start. A component that is
// disabled has its manifest taken away.
func Stage(staticDir, manifestsDir string, disabled []string) error {
	dir := filepath.Join(staticDir, "charts")
	if err := errors.Join(os.MkdirAll(dir, 0o755), os.MkdirAll(manifestsDir, 0o700)); err != nil {
		return fmt.Errorf("make the folders of the charts: %w", err)
	}
	manifest := filepath.Join(manifestsDir, "traefik.yaml")
	if slices.Contains(disabled, "traefik") {
		if err := os.Remove(manifest); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("take away a disabled manifest: %w", err)
		}
		return nil
	}
	packages, err := Packages()
	if err != nil {
		return err
	}
	for name, content := range packages {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			return fmt.Errorf("write a chart: %w", err)
		}
	}
	content, err := Manifest()
	if err != nil {
		return err
	}
	if err := os.WriteFile(manifest, content, 0o600); err != nil {
		return fmt.Errorf("write a manifest: %w", err)
	}
	return nil
}

// Packages returns the charts as archives, by file name.
func Packages() (map[string][]byte, error) {
	own, err := Traefik()
	if err != nil {
		return nil, err
	}
	crd := fileName("traefik-crd")
	definitions, err := packed.ReadFile("packed/" + crd)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNotPacked
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", crd, err)
	}
	return map[string][]byte{fileName("traefik"): own, crd: definitions}, nil
}

// Traefik returns the lab's chart traefik as an archive.
func Traefik() ([]byte, error) {
	files := map[string][]byte{}
	err := fs.WalkDir(traefikChart, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files[name], err = traefikChart.ReadFile(name)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the chart traefik: %w", err)
	}
	return Pack(files)
}

// Definitions makes the chart traefik-crd of a file of definitions. As in K3s
// they are templates and not in crds/, so that an upgrade renews them.
func Definitions(crds []byte) (name string, content []byte, err error) {
	if bytes.Contains(crds, []byte("{{")) {
		return "", nil, errors.New("the definitions hold what Helm would take for a template")
	}
	about, err := yaml.Marshal(map[string]string{
		"apiVersion": "v2", "name": "traefik-crd", "version": Version, "appVersion": "v" + Tag, "type": "application",
		"description": "The custom resources of Traefik, from its own module.",
	})
	if err != nil {
		return "", nil, fmt.Errorf("describe traefik-crd: %w", err)
	}
	content, err = Pack(map[string][]byte{"traefik-crd/Chart.yaml": about, "traefik-crd/templates/crds.yaml": crds})
	return fileName("traefik-crd"), content, err
}

// Pack makes an archive that is the same, byte for byte, for the same files.
func Pack(files map[string][]byte) ([]byte, error) {
	var out bytes.Buffer
	gz := gzip.NewWriter(&out)
	archive := tar.NewWriter(gz)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		header := &tar.Header{Name: path.Clean(name), Mode: 0o644, Size: int64(len(files[name]))}
		if err := archive.WriteHeader(header); err != nil {
			return nil, fmt.Errorf("pack %s: %w", name, err)
		}
		if _, err := archive.Write(files[name]); err != nil {
			return nil, fmt.Errorf("pack %s: %w", name, err)
		}
	}
	if err := errors.Join(archive.Close(), gz.Close()); err != nil {
		return nil, fmt.Errorf("pack a chart: %w", err)
	}
	return out.Bytes(), nil
}

// Manifest is manifests/traefik.yaml, with the values that K3s gives the chart.
func Manifest() ([]byte, error) {
	values := map[string]any{
		"deployment": map[string]any{"podAnnotations": map[string]any{"prometheus.io/port": "8082", "prometheus.io/scrape": "true"}},
		"providers":  map[string]any{"kubernetesIngress": map[string]any{"publishedService": map[string]any{"enabled": true}}},
		"image":      map[string]any{"repository": Image, "tag": Tag},
		"tolerations": []any{
			map[string]any{"key": "CriticalAddonsOnly", "operator": "Exists"},
			map[string]any{"key": "node-role.kubernetes.io/control-plane", "operator": "Exists", "effect": "NoSchedule"},
			map[string]any{"key": "node-role.kubernetes.io/master", "operator": "Exists", "effect": "NoSchedule"},
		},
		"priorityClassName": "system-cluster-critical",
		"service":           map[string]any{"ipFamilyPolicy": "PreferDualStack"},
	}
	content, err := yaml.Marshal(values)
	if err != nil {
		return nil, fmt.Errorf("write K3s' values: %w", err)
	}
	var out bytes.Buffer
	for _, c := range []helm.Chart{chart("traefik-crd", ""), chart("traefik", string(content))} {
		document, err := yaml.Marshal(c)
		if err != nil {
			return nil, fmt.Errorf("write a HelmChart: %w", err)
		}
		out.WriteString("---\n")
		out.Write(document)
	}
	return out.Bytes(), nil
}

func chart(name, values string) helm.Chart {
	c := helm.NewChart("kube-system", name)
	c.Spec.Chart = "https://%{KUBERNETES_API}%/static/charts/" + fileName(name)
	c.Spec.ValuesContent = values
	return c
}

func fileName(chart string) string { return chart + "-" + Version + ".tgz" }
