//go:build linux

package lab

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/k3sedge/k3sedge/testinfra/iso"
)

func TestParseSeed(t *testing.T) {
	t.Parallel()
	full := map[string]string{"user-data": "#cloud-config\n", "meta-data": "instance-id: a\n", "network-config": "version: 2\n"}
	with := func(label string, files map[string]string, extra ...string) []byte {
		files = maps.Clone(files)
		for _, e := range extra {
			files[e] = "x"
		}
		return iso.Make(t, label, files)
	}
	for name, c := range map[string]struct {
		data []byte
		want []string
	}{
		"seed":                {with("cidata", full), []string{"meta-data", "network-config", "user-data"}},
		"label in capitals":   {with("CIDATA", full), []string{"meta-data", "network-config", "user-data"}},
		"other files":         {with("cidata", full, "readme"), []string{"meta-data", "network-config", "user-data"}},
		"another label":       {with("debian", full), nil},
		"no meta-data":        {iso.Make(t, "cidata", map[string]string{"user-data": "x"}), nil},
		"empty disc":          {iso.Make(t, "cidata", nil), nil},
		"blank bytes":         {make([]byte, 64<<10), nil},
		"no bytes":            {nil, nil},
		"shorter than a mark": {make([]byte, 100), nil},
	} {
		got, err := parseSeed(c.data)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if names := slices.Sorted(maps.Keys(got)); !slices.Equal(names, c.want) {
			t.Errorf("%s: got %v, want %v", name, names, c.want)
		}
	}
}

func TestADamagedDiscIsAnError(t *testing.T) {
	t.Parallel()
	whole := iso.Make(t, "cidata", map[string]string{"user-data": "a", "meta-data": "b"})
	if s, err := parseSeed(whole[:17*2048]); err == nil {
		t.Errorf("half a disc was read as %v", s)
	}
}

func FuzzParseSeed(f *testing.F) {
	f.Add(iso.Make(f, "cidata", map[string]string{"user-data": "a", "meta-data": "b"}))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := parseSeed(data)
		if err != nil && len(s) > 0 {
			t.Error("a seed and an error at once")
		}
	})
}

func TestPlantReplacesAndRemoves(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	at := func(name string) string { return filepath.Join(root, seedDir, name) }
	if err := (seed{"user-data": []byte("a"), "network-config": []byte("b")}).plant(root); err != nil {
		t.Fatal(err)
	}
	if err := (seed{"user-data": []byte("c")}).plant(root); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(at("user-data")); err != nil || string(got) != "c" {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := os.Stat(at("network-config")); err == nil {
		t.Error("a file of the old disc is still there")
	}
	if err := (seed{}).plant(root); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(root, seedDir)); err == nil {
		t.Error("the seed outlived its disc")
	}
}

func TestPlantDoesNotLeaveTheMachine(t *testing.T) {
	t.Parallel()
	root, outside := t.TempDir(), t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, "var/lib"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(root, "var/lib/cloud")); err != nil {
		t.Fatal(err)
	}
	if err := (seed{"user-data": []byte("a")}).plant(root); err == nil {
		t.Error("a link out of the machine was followed")
	}
	if left, err := os.ReadDir(outside); err != nil || len(left) > 0 {
		t.Errorf("outside: %v, %v", left, err)
	}
}
