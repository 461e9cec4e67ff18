package fakekube

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// Release is one of Helm's releases, as Helm keeps it.
type Release struct {
	Name, Namespace     string // of the chart that was installed, and where
	Version             int    // Helm's revision
	Status, Description string
	Chart               string // its version
	Values              map[string]any
}

// Secret is the release as the API has it.
func (r Release) Secret() (map[string]any, error) {
	stored, err := r.Stored()
	if err != nil {
		return nil, err
	}
	return map[string]any{
		"apiVersion": "v1", "kind": "Secret", "type": "helm.sh/release.v1",
		"metadata": map[string]any{
			"name": fmt.Sprintf("sh.helm.release.v1.%s.v%d", r.Name, r.Version), "namespace": r.Namespace,
			"labels": map[string]any{"owner": "helm", "name": r.Name, "status": r.Status, "version": fmt.Sprint(r.Version)},
		},
		"data": map[string]any{"release": base64.StdEncoding.EncodeToString(stored)},
	}, nil
}

// Stored is what Helm writes into the Secret: JSON, compressed, as base64.
func (r Release) Stored() ([]byte, error) {
	raw, err := json.Marshal(map[string]any{
		"info": map[string]any{"description": r.Description}, "config": r.Values,
		"chart": map[string]any{"metadata": map[string]any{"version": r.Chart}},
	})
	if err != nil {
		return nil, err
	}
	var packed bytes.Buffer
	zip := gzip.NewWriter(&packed)
	_, err = zip.Write(raw)
	if err := errors.Join(err, zip.Close()); err != nil {
		return nil, err
	}
	return base64.StdEncoding.AppendEncode(nil, packed.Bytes()), nil
}

// PackChart packs the files of a chart below its name, as Helm does.
func PackChart(name string, files map[string]string) ([]byte, error) {
	var out bytes.Buffer
	zip := gzip.NewWriter(&out)
	archive := tar.NewWriter(zip)
	for _, file := range slices.Sorted(maps.Keys(files)) {
		h := &tar.Header{Name: name + "/" + file, Mode: 0o644, Size: int64(len(files[file])), Typeflag: tar.TypeReg}
		if err := archive.WriteHeader(h); err != nil {
			return nil, err
		}
		if _, err := archive.Write([]byte(files[file])); err != nil {
			return nil, err
		}
	}
	err := errors.Join(archive.Close(), zip.Close())
	return out.Bytes(), err
}
