package chart

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"

	"helm.sh/helm/v3/pkg/registry"

	"github.com/k3sedge/k3sedge/provision/machine"
)

// Package is a packed chart in a registry. The digest is that of its manifest,
// which names the chart's own.
type Package struct {
	Repository string // quay.io/jetstack/charts/cert-manager
	Version    string // v1.21.2
	Digest     string // sha256:…
}

// File is the name of the packed chart, as Helm saves it.
func (p Package) File() string { return filepath.Base(p.Repository) + "-" + p.Version + ".tgz" }

// manifest is what we read of a chart's manifest in a registry.
type manifest struct {
	Layers []struct {
		MediaType string `json:"mediaType"`
		Digest    string `json:"digest"`
	} `json:"layers"`
}

// Puller gets packages from their registries.
type Puller struct {
	Cache string // a folder for what was pulled; empty for none

	plain bool // HTTP, in tests
}

// Pull returns the packed chart, from the cache if it is there. Nothing is
// returned whose checksum does not follow from the package's digest.
func (p Puller) Pull(ctx context.Context, pkg Package) ([]byte, error) {
	if tgz, ok := p.cached(pkg); ok {
		return tgz, nil
	}
	tgz, list, err := p.pull(ctx, pkg)
	if err != nil {
		return nil, machine.WithHint(fmt.Errorf("pull %s %s: %w", pkg.Repository, pkg.Version, err),
			"look whether this machine reaches the registry, or put %s into the folder that k3s.bundle names", pkg.File())
	}
	return tgz, p.keep(pkg, tgz, list)
}

// pull asks for the digest: Helm refuses whatever has another one.
func (p Puller) pull(ctx context.Context, pkg Package) (tgz, list []byte, err error) {
	// Nobody logs in: the credentials of the user's own are not asked for.
	options := []registry.ClientOption{
		registry.ClientOptHTTPClient(&http.Client{Transport: within{ctx, registry.NewTransport(false)}}),
		registry.ClientOptCredentialsFile(filepath.Join(p.Cache, "no-credentials.json")),
	}
	if p.plain {
		options = append(options, registry.ClientOptPlainHTTP())
	}
	client, err := registry.NewClient(options...)
	if err != nil {
		return nil, nil, err
	}
	got, err := client.Pull(pkg.Repository + "@" + pkg.Digest)
	if err != nil {
		return nil, nil, err
	}
	if got.Manifest.Digest != pkg.Digest || !follows(got.Chart.Data, got.Manifest.Data, pkg) {
		return nil, nil, fmt.Errorf("it has the digest %s, wanted %s", got.Manifest.Digest, pkg.Digest)
	}
	return got.Chart.Data, got.Manifest.Data, nil
}

// within ends requests with a context that Helm does not take.
type within struct {
	ctx  context.Context
	next http.RoundTripper
}

// RoundTrip sends the request.
func (w within) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(req.Context())
	context.AfterFunc(w.ctx, func() { cancel(context.Cause(w.ctx)) })
	return w.next.RoundTrip(req.WithContext(ctx))
}

// follows reports whether the digest names the manifest, and that the chart.
func follows(tgz, list []byte, pkg Package) bool {
	var m manifest
	if sum(list) != pkg.Digest || json.Unmarshal(list, &m) != nil {
		return false
	}
	for _, layer := range m.Layers {
		if layer.MediaType == registry.ChartLayerMediaType {
			return layer.Digest == sum(tgz)
		}
	}
	return false
}

func sum(data []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(data)) }

func (p Puller) paths(pkg Package) (tgz, list string) {
	tgz = filepath.Join(p.Cache, pkg.File())
	return tgz, tgz + ".manifest.json"
}

// cached is what is in the cache and right. Anything else is pulled anew.
func (p Puller) cached(pkg Package) ([]byte, bool) {
	if p.Cache == "" {
		return nil, false
	}
	chartFile, listFile := p.paths(pkg)
	tgz, err1 := os.ReadFile(chartFile)
	list, err2 := os.ReadFile(listFile)
	return tgz, err1 == nil && err2 == nil && follows(tgz, list, pkg)
}

func (p Puller) keep(pkg Package, tgz, list []byte) error {
	if p.Cache == "" {
		return nil
	}
	chartFile, listFile := p.paths(pkg)
	err := os.MkdirAll(p.Cache, 0o755)
	if err == nil {
		err = errors.Join(replace(chartFile, tgz), replace(listFile, list))
	}
	if err != nil {
		return machine.WithHint(fmt.Errorf("keep %s: %w", pkg.File(), err), "make %s writable", p.Cache)
	}
	return nil
}

// replace puts a file in its place whole.
func replace(path string, data []byte) error {
	const mode fs.FileMode = 0o644
	part := path + ".part"
	if err := os.WriteFile(part, data, mode); err != nil {
		return err
	}
	return os.Rename(part, path)
}
