package node

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/klauspost/compress/zstd"
	corev1 "k8s.io/api/core/v1"
)

type member struct {
	tar.Header
	content string
}

func archive(t *testing.T, members ...member) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, m := range members {
		m.Size = int64(len(m.content))
		if m.Mode == 0 {
			m.Mode = 0o644
		}
		if err := w.WriteHeader(&m.Header); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(m.content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func file(name, content string) member {
	return member{tar.Header{Name: name, Typeflag: tar.TypeReg}, content}
}

// store has one archive with an image of two layers.
func store(t *testing.T) *images {
	t.Helper()
	lower := archive(t, file("bin/tool", "old"), file("etc/gone", "x"), file("etc/passwd", "app:x:7:8::/:/\n"))
	upper := archive(t, file("bin/tool", "new"), file("etc/.wh.gone", ""), member{tar.Header{Name: "bin/t", Typeflag: tar.TypeSymlink, Linkname: "tool"}, ""})
	about, err := json.Marshal(map[string]any{"config": map[string]any{"Entrypoint": []string{"tool"}, "Cmd": []string{"serve"}, "User": "app", "Env": []string{"PATH=/bin"}, "WorkingDir": "/etc"}})
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := json.Marshal([]saved{{Config: "abc.json", RepoTags: []string{"docker.io/library/tool:1.0"}, Layers: []string{"1/layer.tar", "2/layer.tar"}}})
	if err != nil {
		t.Fatal(err)
	}
	all := archive(t, file("manifest.json", string(manifest)), file("abc.json", string(about)), file("1/layer.tar", string(lower)), file("2/layer.tar", string(upper)))
	encoder, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "tool.tar.zst"), encoder.EncodeAll(all, nil), 0o600); err != nil {
		t.Fatal(err)
	}
	return newImages(dir, filepath.Join(t.TempDir(), "store"))
}

func TestImport(t *testing.T) {
	t.Parallel()
	i := store(t)
	i.importAll()
	for _, name := range []string{"tool:1.0", "library/tool:1.0", "docker.io/library/tool:1.0"} {
		if _, ok := i.get(name); !ok {
			t.Errorf("no image %s", name)
		}
	}
	if _, ok := i.get("tool"); ok {
		t.Error("tool:latest was never there")
	}
	img, _ := i.get("tool:1.0")
	if img.ID != "sha256:abc" || img.Entrypoint[0] != "tool" || img.User != "app" || img.WorkingDir != "/etc" {
		t.Errorf("%+v", img)
	}
	if got, err := os.ReadFile(filepath.Join(img.Root, "bin/t")); err != nil || string(got) != "new" {
		t.Errorf("the upper layer does not win: %q, %v", got, err)
	}
	if _, err := os.Stat(filepath.Join(img.Root, "etc/gone")); err == nil {
		t.Error("a whiteout hides nothing")
	}
	if uid, gid, err := imageUser(img); uid != 7 || gid != 8 || err != nil {
		t.Errorf("user %d:%d, %v", uid, gid, err)
	}
}

func TestImportIsRemembered(t *testing.T) {
	t.Parallel()
	first := store(t)
	first.importAll()
	img, _ := first.get("tool:1.0")
	mark := filepath.Join(img.Root, "mark")
	if err := os.WriteFile(mark, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	second := newImages(first.archives, first.store)
	second.importAll()
	if again, ok := second.get("tool:1.0"); !ok || again.Root != img.Root {
		t.Errorf("%+v", again)
	}
	if _, err := os.Stat(mark); err != nil {
		t.Error("the image was unpacked again")
	}
}

func TestImportOfRubbish(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, content := range map[string][]byte{
		"cut.tar.zst": {0x28, 0xb5, 0x2f, 0xfd, 0}, "empty.tar": nil, "text.tar": []byte("no archive"),
		"outside.tar": archive(t, file("manifest.json", `[{"Config":"../../etc/passwd","RepoTags":["x:1"]}]`)),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	i := newImages(dir, t.TempDir())
	i.importAll()
	if len(i.byName) != 0 {
		t.Errorf("images out of rubbish: %v", i.byName)
	}
}

func TestNothingIsUnpackedOutside(t *testing.T) {
	t.Parallel()
	outside := t.TempDir()
	for name, members := range map[string][]member{
		"by its name": {file("../escaped", "x")},
		"by a link":   {{tar.Header{Name: "way", Typeflag: tar.TypeSymlink, Linkname: outside}, ""}, file("way/escaped", "x")},
	} {
		dir := t.TempDir()
		root, err := os.OpenRoot(dir)
		if err != nil {
			t.Fatal(err)
		}
		if err := untar(tar.NewReader(bytes.NewReader(archive(t, members...))), root); err == nil {
			t.Errorf("%s: no error", name)
		}
		for _, place := range []string{filepath.Join(outside, "escaped"), filepath.Join(dir, "..", "escaped")} {
			if _, err := os.Stat(place); err == nil {
				t.Errorf("%s: %s is there", name, place)
			}
		}
		root.Close()
	}
}

func TestAnArchiveThatComesLater(t *testing.T) {
	t.Parallel()
	full := store(t)
	i := newImages(t.TempDir(), filepath.Join(t.TempDir(), "store"))
	n := &node{images: i}
	want := &corev1.Container{Image: "tool:1.0"}
	if _, err := n.pull(want); err == nil {
		t.Error("an image out of nothing")
	}
	if err := os.Rename(filepath.Join(full.archives, "tool.tar.zst"), filepath.Join(i.archives, "tool.tar.zst")); err != nil {
		t.Fatal(err)
	}
	if _, err := n.pull(want); err != nil {
		t.Error(err)
	}
}

func TestImagesOfTheSameLayersShareARoot(t *testing.T) {
	t.Parallel()
	layer := archive(t, file("bin/tool", "x"))
	members, list := []member{file("1/layer.tar", string(layer))}, []saved{}
	for name, command := range map[string]string{"a": "controller", "b": "webhook"} {
		about := `{"config":{"Entrypoint":["/bin/tool","` + command + `"],"User":"1000"},"rootfs":{"diff_ids":["sha256:1"]}}`
		members = append(members, file(name+".json", about))
		list = append(list, saved{Config: name + ".json", RepoTags: []string{command + ":1"}, Layers: []string{"1/layer.tar"}})
	}
	manifest, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	i := newImages(t.TempDir(), filepath.Join(t.TempDir(), "store"))
	if err := os.WriteFile(filepath.Join(i.archives, "all.tar"), archive(t, append(members, file("manifest.json", string(manifest)))...), 0o600); err != nil {
		t.Fatal(err)
	}
	i.importAll()
	first, ok := i.get("controller:1")
	second, ok2 := i.get("webhook:1")
	if !ok || !ok2 || first.Root != second.Root || first.ID == second.ID || second.Entrypoint[1] != "webhook" || second.User != "1000" {
		t.Errorf("%+v\n%+v", first, second)
	}
}
