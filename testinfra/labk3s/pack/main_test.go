package main

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/klauspost/compress/zstd"
)

func packed(t *testing.T) string {
	t.Helper()
	in, out := t.TempDir(), t.TempDir()
	for _, name := range []string{"k3s", "traefik"} {
		if err := os.WriteFile(filepath.Join(in, name), []byte("program "+name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := pack(filepath.Join(in, "k3s"), filepath.Join(in, "traefik"), out); err != nil {
		t.Fatal(err)
	}
	return out
}

func read(t *testing.T, dir, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func TestPackIsTheSameTwice(t *testing.T) {
	t.Parallel()
	first, second := packed(t), packed(t)
	for _, name := range []string{binaryFile, imagesFile, sumsFile} {
		if !bytes.Equal(read(t, first, name), read(t, second, name)) {
			t.Errorf("%s differs", name)
		}
	}
}

func TestTheChecksumsAreInK3sForm(t *testing.T) {
	t.Parallel()
	dir := packed(t)
	want := fmt.Sprintf("%x  %s\n%x  %s\n", sha256.Sum256(read(t, dir, imagesFile)), imagesFile, sha256.Sum256(read(t, dir, binaryFile)), binaryFile)
	if got := string(read(t, dir, sumsFile)); got != want {
		t.Errorf("got:\n%s", got)
	}
}

func TestTheArchiveIsAsDockerSavesIt(t *testing.T) {
	t.Parallel()
	decoder, err := zstd.NewReader(bytes.NewReader(read(t, packed(t), imagesFile)))
	if err != nil {
		t.Fatal(err)
	}
	defer decoder.Close()
	files := map[string][]byte{}
	for archive := tar.NewReader(decoder); ; {
		h, err := archive.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if files[h.Name], err = io.ReadAll(archive); err != nil {
			t.Fatal(err)
		}
	}
	var manifest []struct {
		Config           string
		RepoTags, Layers []string
	}
	if err := json.Unmarshal(files["manifest.json"], &manifest); err != nil {
		t.Fatal(err)
	}
	m := manifest[0]
	if m.RepoTags[0] != "rancher/mirrored-library-traefik:3.6.12" || m.Config != sum(files[m.Config])+".json" || files[m.Layers[0]] == nil {
		t.Errorf("manifest %+v", m)
	}
}

func TestPackRefusesNothing(t *testing.T) {
	t.Parallel()
	if err := pack("", "", t.TempDir()); err == nil {
		t.Error("packed nothing")
	}
}
