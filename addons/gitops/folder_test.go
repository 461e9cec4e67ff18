package gitops

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func write(t *testing.T, dir string, files Files) bool {
	t.Helper()
	f, err := Open(dir, "home")
	if err != nil {
		t.Fatal(err)
	}
	changed, err := f.Write(YAML, files)
	if err != nil {
		t.Fatal(err)
	}
	return changed
}

// entries are all paths below a folder.
func entries(t *testing.T, dir string) string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if name, _ := filepath.Rel(dir, path); err == nil && !d.IsDir() {
			out = append(out, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(out, " ")
}

func TestAnExportTakesThePlaceOfTheFormer(t *testing.T) {
	t.Parallel()
	above := t.TempDir()
	dir := filepath.Join(above, "deep", "edge")
	if !write(t, dir, Files{"a.yaml": []byte("a"), "b/c.yaml": []byte("c")}) {
		t.Error("a new folder is no change")
	}
	before, err := os.Stat(filepath.Join(dir, "a.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if write(t, dir, Files{"a.yaml": []byte("a"), "b/c.yaml": []byte("c")}) {
		t.Error("the same is a change")
	}
	if after, err := os.Stat(filepath.Join(dir, "a.yaml")); err != nil || !os.SameFile(before, after) {
		t.Errorf("the same was written anew: %v", err)
	}
	if !write(t, dir, Files{"a.yaml": []byte("other")}) {
		t.Error("another file is no change")
	}
	if got := entries(t, above); got != "deep/edge/.k3sedge-export deep/edge/a.yaml" {
		t.Errorf("there is %s", got)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm()&0o055 == 0 {
		t.Errorf("nobody else may read it: %v, %v", info.Mode(), err)
	}
}

func TestALinkToTheFolderStays(t *testing.T) {
	t.Parallel()
	above := t.TempDir()
	real, link := filepath.Join(above, "real"), filepath.Join(above, "link")
	if err := errors.Join(os.Mkdir(real, 0o755), os.Symlink(real, link)); err != nil {
		t.Fatal(err)
	}
	write(t, link, Files{"a.yaml": []byte("a")})
	write(t, link, Files{"b.yaml": []byte("b")})
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link is gone: %v", err)
	}
	if got := entries(t, real); got != ".k3sedge-export b.yaml" {
		t.Errorf("there is %s", got)
	}
}

// TestWhatIsNotAnExportIsLeftAlone, byte for byte.
func TestWhatIsNotAnExportIsLeftAlone(t *testing.T) {
	t.Parallel()
	put := func(name, text string) func(string) error {
		return func(dir string) error {
			path := filepath.Join(dir, name)
			return errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644))
		}
	}
	for name, tc := range map[string]struct {
		spoil func(dir string) error
		word  string
	}{
		"somebody's file":      {put("mine.yaml", "x"), "holds mine.yaml"},
		"somebody's in a part": {put("10-traefik/mine.yaml", "x"), "holds 10-traefik/mine.yaml"},
		"a repository":         {put(".git/HEAD", "x"), "holds .git"},
		"a link":               {func(dir string) error { return os.Symlink("/", filepath.Join(dir, "link")) }, "holds link"},
		"no marker":            {func(dir string) error { return os.Remove(filepath.Join(dir, Marker)) }, "holds a.yaml"},
		"a broken marker":      {put(Marker, "{"), "read " + Marker},
		"a marker to a file": {func(dir string) error {
			path := filepath.Join(dir, Marker)
			return errors.Join(os.Rename(path, dir+"-marker"), os.Symlink(dir+"-marker", path))
		}, "holds " + Marker},
		"another cluster's": {put(Marker, `{"cluster":"other","files":["a.yaml"]}`), "of the cluster other"},
	} {
		dir := filepath.Join(t.TempDir(), "edge")
		write(t, dir, Files{"a.yaml": []byte("a")})
		if err := tc.spoil(dir); err != nil {
			t.Fatal(err)
		}
		before := entries(t, filepath.Dir(dir))
		_, err := Open(dir, "home")
		var hint interface{ Hint() string }
		if !errors.Is(err, ErrTaken) || !strings.Contains(err.Error(), tc.word) || !errors.As(err, &hint) {
			t.Errorf("%s: %v", name, err)
		}
		if after := entries(t, filepath.Dir(dir)); after != before {
			t.Errorf("%s: before %s, after %s", name, before, after)
		}
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(file, "home"); !errors.Is(err, ErrTaken) {
		t.Errorf("a file: %v", err)
	}
}

// TestARefusalReadsNothing: somebody may name his home. What is refused takes
// no more than a look at names and the marker. It runs alone, for it counts
// what the program takes of memory.
func TestARefusalReadsNothing(t *testing.T) {
	const large = 8 << 20
	listed := func(cluster string) string { return `{"cluster":"` + cluster + `","files":["a.yaml","b.yaml"]}` }
	for name, tc := range map[string]struct {
		marker string
		files  []string
		want   error
	}{
		"no export":         {"", []string{"a.yaml"}, ErrTaken},
		"another cluster's": {listed("other"), []string{"a.yaml"}, ErrTaken},
		"a file of theirs":  {listed("home"), []string{"b.yaml", "c.yaml"}, ErrTaken},
		"ours":              {listed("home"), []string{"a.yaml", "b.yaml"}, nil},
	} {
		dir := t.TempDir()
		if tc.marker != "" {
			if err := os.WriteFile(filepath.Join(dir, Marker), []byte(tc.marker), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		for _, file := range tc.files { // with no block of the disk behind them
			path := filepath.Join(dir, file)
			if err := errors.Join(os.WriteFile(path, nil, 0o644), os.Truncate(path, large)); err != nil {
				t.Fatal(err)
			}
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := Open(dir, "home")
		runtime.ReadMemStats(&after)
		if took := after.TotalAlloc - before.TotalAlloc; !errors.Is(err, tc.want) || (took > large) != (tc.want == nil) {
			t.Errorf("%s: %v, for %d bytes of memory", name, err, took)
		}
	}
}

// TestAFailedExportLeavesTheFormer: a name that is a file and a folder at once
// cannot be written.
func TestAFailedExportLeavesTheFormer(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "edge")
	write(t, dir, Files{"a.yaml": []byte("a")})
	f, err := Open(dir, "home")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(YAML, Files{"a.yaml/b": []byte("b"), "a.yaml": []byte("a"), "a.yaml/b/c": nil}); err == nil {
		t.Error("no error")
	}
	if got := entries(t, filepath.Dir(dir)); got != "edge/.k3sedge-export edge/a.yaml" {
		t.Errorf("there is %s", got)
	}
	// The folder is taken away between the look and the writing.
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(YAML, Files{"b.yaml": []byte("b")}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
	if got := entries(t, filepath.Dir(dir)); got != "" {
		t.Errorf("left: %s", got)
	}
}
