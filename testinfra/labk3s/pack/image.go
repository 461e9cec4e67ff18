package main

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/klauspost/compress/zstd"
)

// image is one program in a root of its own.
type image struct {
	tag, program, path string
	entrypoint         []string
	user               string // "" for root
}

// config is what of an image's configuration is of use to whoever runs it.
type config struct {
	Architecture string         `json:"architecture"`
	OS           string         `json:"os"`
	Created      string         `json:"created"`
	Config       map[string]any `json:"config"`
	RootFS       map[string]any `json:"rootfs"`
}

// archive is several images, as docker saves them.
type archive []image

// save writes the images, compressed by one thread so that the bytes do not
// depend on the machine.
func (a archive) save(file string) error {
	out, err := os.Create(file)
	if err != nil {
		return fmt.Errorf("write the images: %w", err)
	}
	compressor, err := zstd.NewWriter(out, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest))
	if err != nil {
		return fmt.Errorf("compress the images: %w", err)
	}
	err = a.write(compressor)
	if err := errors.Join(err, compressor.Close(), out.Close()); err != nil {
		return fmt.Errorf("write %s: %w", file, err)
	}
	return nil
}

// write packs each layer once, however many images are made of it.
func (a archive) write(w io.Writer) error {
	out := tar.NewWriter(w)
	manifest, packed := []map[string]any{}, map[string]bool{}
	for _, i := range a {
		layer, err := i.layer()
		if err != nil {
			return err
		}
		layerSum := sum(layer)
		about, err := json.Marshal(i.about(layerSum))
		if err != nil {
			return fmt.Errorf("describe the image: %w", err)
		}
		configName, layerName := sum(about)+".json", layerSum+"/layer.tar"
		manifest = append(manifest, map[string]any{"Config": configName, "RepoTags": []string{i.tag}, "Layers": []string{layerName}})
		for _, f := range []entry{{configName, 0o644, about}, {layerName, 0o644, layer}} {
			if packed[f.name] {
				continue
			}
			if err := f.write(out); err != nil {
				return err
			}
			packed[f.name] = true
		}
	}
	list, err := json.Marshal(manifest)
	if err != nil {
		return fmt.Errorf("list the images: %w", err)
	}
	if err := (entry{"manifest.json", 0o644, list}).write(out); err != nil {
		return err
	}
	return out.Close()
}

func (i image) about(layerSum string) config {
	settings := map[string]any{
		"Entrypoint": i.entrypoint, "WorkingDir": "/", "Env": []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
	}
	if i.user != "" {
		settings["User"] = i.user
	}
	return config{
		Architecture: "amd64", OS: "linux", Created: "1970-01-01T00:00:00Z", Config: settings,
		RootFS: map[string]any{"type": "layers", "diff_ids": []string{"sha256:" + layerSum}},
	}
}

// layer is the image's root: the program, and what a root needs.
func (i image) layer() ([]byte, error) {
	program, err := os.ReadFile(i.program)
	if err != nil {
		return nil, fmt.Errorf("read the program: %w", err)
	}
	var out bytes.Buffer
	archive := tar.NewWriter(&out)
	for _, f := range []entry{
		{"etc/", 0o755, nil},
		{"etc/passwd", 0o644, []byte("root:x:0:0:root:/:/\nnobody:x:65534:65534:nobody:/:/\n")},
		{"etc/group", 0o644, []byte("root:x:0:\nnogroup:x:65534:\n")},
		{"tmp/", 0o1777, nil},
		{i.path, 0o755, program},
	} {
		if err := f.write(archive); err != nil {
			return nil, err
		}
	}
	if err := archive.Close(); err != nil {
		return nil, fmt.Errorf("pack the layer: %w", err)
	}
	return out.Bytes(), nil
}

type entry struct {
	name    string
	mode    int64
	content []byte
}

func (e entry) write(archive *tar.Writer) error {
	header := &tar.Header{Name: e.name, Mode: e.mode, Size: int64(len(e.content)), Typeflag: tar.TypeReg}
	if e.name[len(e.name)-1] == '/' {
		header.Typeflag = tar.TypeDir
	}
	if err := archive.WriteHeader(header); err != nil {
		return fmt.Errorf("pack %s: %w", e.name, err)
	}
	if _, err := archive.Write(e.content); err != nil {
		return fmt.Errorf("pack %s: %w", e.name, err)
	}
	return nil
}

func sum(content []byte) string {
	s := sha256.Sum256(content)
	return hex.EncodeToString(s[:])
}
