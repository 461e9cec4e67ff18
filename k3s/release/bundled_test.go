package release

import (
	"fmt"
	"path/filepath"
	"testing"
)

func TestBundled(t *testing.T) {
	t.Parallel()
	const name, list = "cert-manager-v1.2.3.tgz", "bundle/k3sedge-sha256sum-amd64.txt"
	content := []byte("chart")
	line := func(content []byte) []byte { return fmt.Appendf(nil, "%s  %s\n", sum(content), name) }
	for title, tc := range map[string]struct {
		files map[string][]byte
		found bool
		words []string
	}{
		"there":             {map[string][]byte{"bundle/" + name: content, list: line(content)}, true, nil},
		"in another list":   {map[string][]byte{"bundle/" + name: content, list: line(nil)[:64], "bundle/k3sedge-sha256sum-arm64.txt": line(content)}, false, []string{"read the checksums", "sha256sum"}},
		"in the other list": {map[string][]byte{"bundle/" + name: content, list: []byte(sum(nil) + "  x\n"), "bundle/k3sedge-sha256sum-arm64.txt": line(content)}, true, nil},
		"not there":         {map[string][]byte{list: line(content)}, false, nil},
		"without a list":    {map[string][]byte{"bundle/" + name: content}, false, []string{"is not known", "k3sedge-sha256sum-"}},
		"another":           {map[string][]byte{"bundle/" + name: []byte("x"), list: line(content)}, false, []string{sum([]byte("x")), sum(content), "copy the file"}},
	} {
		w := newWorld(t)
		w.K3s.Bundle = filepath.Join(w.dir, "bundle")
		for path, content := range tc.files {
			w.put(t, path, content)
		}
		f, err := w.Bundled(t.Context(), name)
		if tc.words != nil {
			wantError(t, err, tc.words...)
		} else if err != nil {
			t.Errorf("%s: %v", title, err)
		}
		if (f.Path != "") != tc.found || tc.found && (f.SHA256 != sum(content) || f.Size != int64(len(content))) {
			t.Errorf("%s: %+v", title, f)
		}
	}
	if f, err := newWorld(t).Bundled(t.Context(), name); err != nil || f != (File{}) {
		t.Errorf("without a bundle: %+v, %v", f, err)
	}
}

// TestAddedImagesOfABundle: a bundle with them has them placed, one without is as before.
func TestAddedImagesOfABundle(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.bundle(t)
	files, _, err := w.Look(t.Context(), "amd64")
	if err != nil || files.Added != (File{}) || len(files.Archives()) != 1 {
		t.Errorf("%+v, %v", files, err)
	}
	content := []byte("more images")
	w.put(t, "bundle/k3sedge-images-amd64.tar.zst", content)
	w.put(t, "bundle/k3sedge-sha256sum-amd64.txt", []byte(sum(content)+" *k3sedge-images-amd64.tar.zst\n"))
	files, _, err = w.Look(t.Context(), "amd64")
	if err != nil || len(files.Archives()) != 2 || files.Added.SHA256 != sum(content) {
		t.Errorf("%+v, %v", files, err)
	}
	w.put(t, "bundle/k3sedge-images-amd64.tar.zst", []byte("others"))
	_, _, err = w.Look(t.Context(), "amd64")
	wantError(t, err, "k3sedge-images-amd64.tar.zst has the SHA-256 checksum")
}
