package release

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestVersionsAreWhole(t *testing.T) {
	t.Parallel()
	form := regexp.MustCompile(`^[0-9a-f]{64}$`)
	seen := map[string]string{}
	for version, archs := range versions() {
		for arch, s := range archs {
			for name, sum := range s.byName(arch) {
				if !form.MatchString(sum) || seen[sum] != "" {
					t.Errorf("%s %s: %q is no checksum, or is that of %q", version, name, sum, seen[sum])
				}
				seen[sum] = version + " " + name
			}
		}
	}
	for _, arch := range []string{"amd64", "arm64"} {
		if got := versions()[Default()][arch].byName(arch); len(got) != 2 {
			t.Errorf("the default release has %v for %s", got, arch)
		}
	}
}

// bundle makes a folder with the release, and its own checksums.
func (w *world) bundle(t *testing.T) {
	t.Helper()
	w.K3s.Bundle = filepath.Join(w.dir, "bundle")
	w.put(t, "bundle/k3s", w.binary)
	w.put(t, "bundle/k3s-airgap-images-amd64.tar.zst", w.images)
	w.put(t, "bundle/sha256sum-amd64.txt", fmt.Appendf(nil, "%s  k3s\n%s  k3s-airgap-images-amd64.tar.zst\n%s  k3s-images.txt\n", sum(w.binary), sum(w.images), sum(nil)))
}

func TestLookAtABundle(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change   func(*testing.T, *world)
		sumsFrom string
		words    []string
	}{
		"a known release":              {func(*testing.T, *world) {}, "k3sedge", nil},
		"one that is not known":        {func(_ *testing.T, w *world) { w.K3s.Version = "v1.35.4+lab1" }, "sha256sum-amd64.txt", nil},
		"known, and another file":      {func(t *testing.T, w *world) { w.put(t, "bundle/k3s", program(183)) }, "", []string{"bundle/k3s has", sum(program(183)), sum(program(62)), "k3s.version"}},
		"known, no checksums are fine": {func(_ *testing.T, w *world) { _ = os.Remove(filepath.Join(w.K3s.Bundle, "sha256sum-amd64.txt")) }, "k3sedge", nil},
		"known in part":                {func(_ *testing.T, w *world) { w.list[version]["amd64"] = sums{binary: sum(w.binary)} }, "sha256sum-amd64.txt", nil},
		"known in part, and another file": {func(t *testing.T, w *world) {
			w.list[version]["amd64"] = sums{binary: sum(w.binary)}
			w.binary = program(183)
			w.bundle(t)
		}, "", []string{"bundle/k3s has", sum(program(62))}},
		"unknown without checksums": {func(_ *testing.T, w *world) {
			w.K3s.Version = "v1.35.4+lab1"
			_ = os.Remove(filepath.Join(w.K3s.Bundle, "sha256sum-amd64.txt"))
		}, "", []string{"read the checksums of the bundle", "put sha256sum-amd64.txt"}},
		"unknown with half of them": {func(t *testing.T, w *world) {
			w.K3s.Version = "v1.35.4+lab1"
			w.put(t, "bundle/sha256sum-amd64.txt", []byte(sum(w.binary)+"  k3s\n"))
		}, "", []string{"k3s-airgap-images-amd64.tar.zst is not known"}},
		"without images": {func(_ *testing.T, w *world) { _ = os.Remove(filepath.Join(w.K3s.Bundle, imagesName("amd64"))) }, "",
			[]string{"read the bundle", "put k3s-airgap-images-amd64.tar.zst of the release into"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.bundle(t)
			tc.change(t, w)
			got, missing, err := w.Look(t.Context(), "amd64")
			if len(w.asked) > 0 || len(missing) > 0 {
				t.Errorf("with a bundle it asked for %q and misses %v", w.asked, missing)
			}
			if tc.words != nil {
				wantError(t, err, tc.words...)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasSuffix(got.SumsFrom, tc.sumsFrom) || got.Binary.Path != filepath.Join(w.K3s.Bundle, "k3s") || got.Images.Size != int64(len(w.images)) {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestLookAtABinaryOfTheUsersOwn(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change func(*testing.T, *world)
		images bool
		words  []string
	}{
		"unknown release":         {func(_ *testing.T, w *world) { w.K3s.Version = "v1.99.0+k3s1" }, false, nil},
		"known release":           {func(*testing.T, *world) {}, true, nil},
		"with a bundle of images": {func(t *testing.T, w *world) { w.bundle(t); _ = os.Remove(filepath.Join(w.K3s.Bundle, "k3s")) }, true, nil},
		"with an empty bundle":    {func(_ *testing.T, w *world) { w.K3s.Version, w.K3s.Bundle = "v1.99.0+k3s1", w.dir }, false, nil},
		"for another machine":     {func(t *testing.T, w *world) { w.put(t, "own", program(183)) }, false, []string{"EM_AARCH64", "amd64", "k3s.binary"}},
		"no program":              {func(t *testing.T, w *world) { w.put(t, "own", []byte("#!/bin/sh\n")) }, false, []string{"not a Linux program"}},
		"not there":               {func(t *testing.T, w *world) { _ = os.Remove(filepath.Join(w.dir, "own")) }, false, []string{"k3s.binary", "no such file"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			own := append(program(62), "of mine"...)
			w.K3s.Binary = "file:" + w.put(t, "own", own)
			tc.change(t, w)
			got, err := w.Fetch(t.Context(), "amd64")
			if tc.words != nil {
				wantError(t, err, tc.words...)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got.Binary.SHA256 != sum(own) || got.Binary.Size != int64(len(own)) || (got.Images.Path != "") != tc.images {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestLookRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, _, err := w.Look(t.Context(), "riscv64")
	wantError(t, err, "riscv64", "amd64 or arm64")
	_, _, err = w.Look(t.Context(), "arm64")
	wantError(t, err, "k3s-arm64", "not known", Default(), "k3s.bundle")
	w.K3s.Version = "v1.2.3+k3s1"
	_, _, err = w.Look(t.Context(), "amd64")
	wantError(t, err, "the checksum of k3s of K3s v1.2.3+k3s1 is not known")
}

func FuzzParseSums(f *testing.F) {
	f.Add([]byte(sum(nil) + "  k3s\n" + sum([]byte("x")) + " *k3s-images.txt\r\n\n"))
	f.Add([]byte("k3s\n"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := parseSums(data)
		if (err == nil) != (len(got) > 0) {
			t.Fatalf("%v with %v", got, err)
		}
		for name, sum := range got {
			if len(sum) != 64 || sum != strings.ToLower(sum) || !bytes.Contains(bytes.ToLower(data), []byte(sum)) || strings.ContainsAny(name, " \n") {
				t.Errorf("%q of %q", sum, name)
			}
		}
	})
}

func TestParseSumsRefuses(t *testing.T) {
	t.Parallel()
	twice := sum(nil) + "  k3s\n"
	for name, text := range map[string]string{"empty": "", "words": "not found\n", "short": "abc  k3s\n", "two of one file": twice + sum([]byte("x")) + "  k3s\n"} {
		if got, err := parseSums([]byte(text)); err == nil {
			t.Errorf("%s: %v", name, got)
		}
	}
	if _, err := parseSums([]byte(twice + twice)); err != nil {
		t.Error(err)
	}
}
