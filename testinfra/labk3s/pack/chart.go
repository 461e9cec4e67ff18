package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

// packChart packs cert-manager's chart as its release does: both versions in
// Chart.yaml are set, README.md is made of its template, and of what else is
// in the folder the values, their schema and the templates come along.
func packChart(dir, version, file string) error {
	entries, err := chartEntries(dir, version)
	if err != nil {
		return fmt.Errorf("pack the chart: %w", err)
	}
	var content bytes.Buffer
	compressor := gzip.NewWriter(&content) // without a time, so that the bytes stay the same
	out := tar.NewWriter(compressor)
	for _, e := range entries {
		e.name = "cert-manager/" + e.name
		if err := e.write(out); err != nil {
			return err
		}
	}
	if err := errors.Join(out.Close(), compressor.Close()); err != nil {
		return fmt.Errorf("pack the chart: %w", err)
	}
	if err := os.WriteFile(file, content.Bytes(), 0o644); err != nil {
		return fmt.Errorf("write the chart: %w", err)
	}
	return nil
}

func chartEntries(dir, version string) ([]entry, error) {
	about, err := chartAbout(filepath.Join(dir, "Chart.yaml"), version)
	if err != nil {
		return nil, err
	}
	readme, err := os.ReadFile(filepath.Join(dir, "README.template.md"))
	if err != nil {
		return nil, err
	}
	out := []entry{
		{"Chart.yaml", 0o644, about},
		{"README.md", 0o644, bytes.ReplaceAll(readme, []byte("{{RELEASE_VERSION}}"), []byte(version))},
	}
	names := []string{"values.schema.json", "values.yaml"}
	templates, err := os.ReadDir(filepath.Join(dir, "templates"))
	if err != nil {
		return nil, err
	}
	for _, t := range templates {
		if slices.Contains([]string{".yaml", ".tpl", ".txt"}, filepath.Ext(t.Name())) && !strings.HasPrefix(t.Name(), ".") {
			names = append(names, "templates/"+t.Name())
		}
	}
	for _, name := range names {
		content, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return nil, err
		}
		out = append(out, entry{name, 0o644, content})
	}
	return out, nil
}

// chartAbout is Chart.yaml with the version of the release.
func chartAbout(file, version string) ([]byte, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	about := map[string]any{}
	if err := yaml.Unmarshal(content, &about); err != nil {
		return nil, fmt.Errorf("parse Chart.yaml: %w", err)
	}
	if about["name"] != "cert-manager" {
		return nil, fmt.Errorf("%s is the chart %v, not cert-manager", file, about["name"])
	}
	about["version"], about["appVersion"] = version, version
	return yaml.Marshal(about)
}
