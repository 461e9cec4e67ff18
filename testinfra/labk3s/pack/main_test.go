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

const chartFile = "cert-manager-v1.2.3.tgz"

func packed(t *testing.T) string {
	t.Helper()
	in, out := t.TempDir(), t.TempDir()
	for name, text := range map[string]string{
		"k3s": "program k3s", "traefik": "program traefik", "cert-manager": "program cert-manager", "pebble": "program pebble",
		"connector": "program connector", "chart/Chart.yaml": "name: cert-manager\nversion: v0.0.0\nappVersion: v0.0.0\n",
		"chart/README.template.md": "# {{RELEASE_VERSION}}\n", "chart/values.yaml": "a: 1\n", "chart/values.schema.json": "{}",
		"chart/templates/NOTES.txt": "n", "chart/templates/_helpers.tpl": "h", "chart/templates/rbac.yaml": "r", "chart/OWNERS": "nobody",
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(in, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(in, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	at := func(name string) string { return filepath.Join(in, name) }
	err := pack(inputs{k3s: at("k3s"), traefik: at("traefik"), certManager: at("cert-manager"), pebble: at("pebble"), cloudflared: at("connector"), chart: at("chart"), version: "v1.2.3"}, out)
	if err != nil {
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
	for _, name := range []string{binaryFile, imagesFile, sumsFile, ownImagesFile, ownSumsFile, chartFile, pebbleFile} {
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
	want = fmt.Sprintf("%x  %s\n%x  %s\n", sha256.Sum256(read(t, dir, chartFile)), chartFile, sha256.Sum256(read(t, dir, ownImagesFile)), ownImagesFile)
	if got := string(read(t, dir, ownSumsFile)); got != want {
		t.Errorf("got:\n%s", got)
	}
}

// listed is an image in an archive's manifest.json.
type listed struct {
	Config           string
	RepoTags, Layers []string
}

// unpacked gives the files of an archive, and the images that it lists.
func unpacked(t *testing.T, in io.Reader) (map[string][]byte, []listed) {
	t.Helper()
	files := map[string][]byte{}
	for archive := tar.NewReader(in); ; {
		h, err := archive.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if files[h.Name] != nil {
			t.Errorf("%s is there twice", h.Name)
		}
		if files[h.Name], err = io.ReadAll(archive); err != nil {
			t.Fatal(err)
		}
	}
	var images []listed
	if list := files["manifest.json"]; list != nil {
		if err := json.Unmarshal(list, &images); err != nil {
			t.Fatal(err)
		}
	}
	return files, images
}

func images(t *testing.T, file string) (map[string][]byte, []listed) {
	t.Helper()
	decoder, err := zstd.NewReader(bytes.NewReader(read(t, packed(t), file)))
	if err != nil {
		t.Fatal(err)
	}
	defer decoder.Close()
	return unpacked(t, decoder)
}

func TestAReleaseAloneIsWhatK3sPublishes(t *testing.T) {
	t.Parallel()
	program, out := filepath.Join(t.TempDir(), "program"), t.TempDir()
	if err := os.WriteFile(program, []byte("program"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := pack(inputs{k3s: program, traefik: program}, out); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(out)
	if err != nil || len(entries) != 3 {
		t.Errorf("%v, %v", entries, err)
	}
	for _, name := range []string{binaryFile, imagesFile, sumsFile} {
		if len(read(t, out, name)) == 0 {
			t.Errorf("%s is empty", name)
		}
	}
}

func TestTheArchiveIsAsDockerSavesIt(t *testing.T) {
	t.Parallel()
	files, manifest := images(t, imagesFile)
	m := manifest[0]
	if m.RepoTags[0] != "rancher/mirrored-library-traefik:3.6.12" || m.Config != sum(files[m.Config])+".json" || files[m.Layers[0]] == nil {
		t.Errorf("manifest %+v", m)
	}
}

func TestPackRefusesNothing(t *testing.T) {
	t.Parallel()
	if err := pack(inputs{k3s: "k3s", traefik: "traefik", pebble: "pebble"}, t.TempDir()); err == nil {
		t.Error("packed half of what is k3sedge's own")
	}
	if err := pack(inputs{}, t.TempDir()); err == nil {
		t.Error("packed nothing")
	}
}
