package chart

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/k3sedge/k3sedge/testinfra/fakekube"
)

// shop is a registry with one chart.
type shop struct {
	pkg      Package
	blobs    map[string][]byte // by digest
	manifest []byte
	asked    atomic.Int64
}

func newShop(t *testing.T) *shop {
	t.Helper()
	tgz, err := fakekube.PackChart("cert-manager", map[string]string{"Chart.yaml": "apiVersion: v2\nname: cert-manager\nversion: v1.2.3\n"})
	if err != nil {
		t.Fatal(err)
	}
	s := &shop{blobs: map[string][]byte{}}
	layer := func(media string, data []byte) map[string]any {
		s.blobs[sum(data)] = data
		return map[string]any{"mediaType": media, "digest": sum(data), "size": len(data)}
	}
	s.manifest, err = json.Marshal(map[string]any{
		"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
		"config": layer("application/vnd.cncf.helm.config.v1+json", []byte(`{"name":"cert-manager","version":"v1.2.3"}`)),
		"layers": []any{layer("application/vnd.cncf.helm.chart.content.v1.tar+gzip", tgz)},
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	s.pkg = Package{Repository: strings.TrimPrefix(server.URL, "http://") + "/charts/cert-manager", Version: "v1.2.3", Digest: sum(s.manifest)}
	return s
}

func (s *shop) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.asked.Add(1)
	kind, digest := filepath.Split(r.URL.Path)
	data, media := s.blobs[digest], "application/octet-stream"
	if strings.HasSuffix(kind, "/manifests/") {
		data, media = s.manifest, "application/vnd.oci.image.manifest.v1+json"
	}
	if data == nil {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", media)
	w.Header().Set("Content-Length", fmt.Sprint(len(data)))
	w.Header().Set("Docker-Content-Digest", digest)
	if r.Method == http.MethodGet {
		_, _ = w.Write(data) // who has gone needs no answer
	}
}

func TestPullOnce(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	p := Puller{Cache: filepath.Join(t.TempDir(), "charts"), plain: true}
	first, err := p.Pull(t.Context(), s.pkg)
	if err != nil {
		t.Fatal(err)
	}
	if version, err := Load(first); err != nil || version != "v1.2.3" || s.pkg.File() != "cert-manager-v1.2.3.tgz" {
		t.Errorf("%q, %v, %s", version, err, s.pkg.File())
	}
	asked := s.asked.Load()
	again, err := p.Pull(t.Context(), s.pkg)
	if err != nil || !bytes.Equal(first, again) || s.asked.Load() != asked {
		t.Errorf("from the cache: %v, %d more requests", err, s.asked.Load()-asked)
	}
	// What was changed there is not taken.
	if err := os.WriteFile(filepath.Join(p.Cache, s.pkg.File()), []byte("another"), 0o644); err != nil {
		t.Fatal(err)
	}
	if again, err = p.Pull(t.Context(), s.pkg); err != nil || !bytes.Equal(first, again) || s.asked.Load() == asked {
		t.Errorf("a changed file in the cache: %v", err)
	}
	if _, err := (Puller{plain: true}).Pull(t.Context(), s.pkg); err != nil {
		t.Errorf("without a cache: %v", err)
	}
}

func TestPullRefusesWhatItDidNotAskFor(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*shop){
		"another manifest": func(s *shop) {
			s.manifest = bytes.Replace(s.manifest, []byte("schemaVersion"), []byte("SchemaVersion"), 1)
		},
		"another chart": func(s *shop) {
			for digest, data := range s.blobs {
				s.blobs[digest] = append(data, 0)
			}
		},
		"nothing":        func(s *shop) { s.manifest, s.blobs = nil, nil },
		"another digest": func(s *shop) { s.pkg.Digest = sum([]byte("x")) },
	} {
		s := newShop(t)
		spoil(s)
		p := Puller{Cache: t.TempDir(), plain: true}
		_, err := p.Pull(t.Context(), s.pkg)
		var hint interface{ Hint() string }
		if err == nil || !errors.As(err, &hint) || !strings.Contains(hint.Hint(), "k3s.bundle") {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Stat(filepath.Join(p.Cache, s.pkg.File())); err == nil {
			t.Errorf("%s: it was kept", name)
		}
	}
}

func TestPullEndsWithItsContext(t *testing.T) {
	t.Parallel()
	started := make(chan struct{}, 8)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		started <- struct{}{}
		<-r.Context().Done()
	}))
	t.Cleanup(server.Close)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-started; cancel() }()
	pkg := Package{Repository: strings.TrimPrefix(server.URL, "http://") + "/charts/x", Version: "v1", Digest: sum(nil)}
	if _, err := (Puller{plain: true}).Pull(ctx, pkg); err == nil {
		t.Error("it was pulled")
	}
}

func FuzzFollows(f *testing.F) {
	f.Add([]byte(`{"layers":[{"mediaType":"application/vnd.cncf.helm.chart.content.v1.tar+gzip","digest":"sha256:0"}]}`), []byte("tgz"))
	f.Fuzz(func(t *testing.T, list, tgz []byte) {
		if follows(tgz, list, Package{Digest: "sha256:0"}) {
			t.Error("a digest that nothing has is followed")
		}
		if follows(tgz, list, Package{Digest: sum(list)}) && !bytes.Contains(list, []byte(sum(tgz)[len("sha256:"):])) {
			t.Errorf("%q names nothing of it", list)
		}
	})
}
