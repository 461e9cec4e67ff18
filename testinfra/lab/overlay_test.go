//go:build linux

package lab

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// needs skips a test where a program is not installed.
func needs(t *testing.T, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		t.Skip("left out: " + program + " is not installed")
	}
}

func TestAnOverlayFollowsItsDiskAndGrows(t *testing.T) {
	t.Parallel()
	needs(t, "qemu-img")
	dir := folder(t.TempDir())
	first, second := dir.path("vm-1-disk-0.raw"), dir.path("base-1-disk-0.raw")
	if err := os.WriteFile(first, make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := dir.overlay(t.Context(), first, 4<<20); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(first, second); err != nil { // it has become a template
		t.Fatal(err)
	}
	for _, size := range []int64{4 << 20, 8 << 20} {
		if err := dir.overlay(t.Context(), second, size); err != nil {
			t.Fatal(err)
		}
	}
	out, err := run(t.Context(), "qemu-img", "info", "--output=json", dir.path(overlayFile))
	if err != nil {
		t.Fatal(err)
	}
	var info struct {
		Size    int64  `json:"virtual-size"`
		Backing string `json:"backing-filename"`
		Format  string `json:"backing-filename-format"`
	}
	if err := json.Unmarshal(out, &info); err != nil {
		t.Fatal(err)
	}
	if info.Size != 8<<20 || info.Backing != second || info.Format != "raw" {
		t.Errorf("%+v", info)
	}
	if err := dir.overlay(t.Context(), first, 0); err == nil {
		t.Error("a disk that is not there is booted from")
	}
}

func TestADiskIsKnownByItsFirstBytes(t *testing.T) {
	t.Parallel()
	for content, want := range map[string]string{
		"QFI\xfb\x00\x00\x00\x03": "qcow2", "\xeb\x63\x90\x00": "raw", "hsqs....": "image of a container", "": "empty", "QF": "empty",
	} {
		path := filepath.Join(t.TempDir(), "disk.qcow2")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := diskFormat(path)
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, want) {
			t.Errorf("%q is %s, want %s", content, got, want)
		}
	}
}

func TestThePlainMachinesDiscIsASeed(t *testing.T) {
	t.Parallel()
	needs(t, "xorriso")
	made, err := Plain{Name: "metal-1", Address: "10.77.0.21", User: "admin", AuthorizedKeys: []string{"ssh-ed25519 AAAA"}}.seed()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), seedDisc)
	for range 2 { // a second boot makes it anew
		if err := made.disc(t.Context(), path); err != nil {
			t.Fatal(err)
		}
	}
	read, err := readSeed([]string{path})
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range made {
		if string(read[name]) != string(content) {
			t.Errorf("%s on the disc: %q", name, read[name])
		}
	}
}
