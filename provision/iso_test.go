package provision

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/k3sedge/k3sedge/testinfra/iso"
)

func sampleISO(t *testing.T) ([]byte, []isoFile) {
	t.Helper()
	files := []isoFile{
		{"user-data", bytes.Repeat([]byte("#cloud-config\n"), 400)},
		{"meta-data", []byte("instance-id: i\n")},
		{"network-config", []byte("version: 2\n")},
	}
	image, err := buildISO("cidata", time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC), files)
	if err != nil {
		t.Fatal(err)
	}
	return image, files
}

func TestISOReadByOurReader(t *testing.T) {
	t.Parallel()
	raw, files := sampleISO(t)
	disc, err := iso.Read(raw)
	if err != nil || disc.Label != "cidata" || len(disc.Files) != len(files) {
		t.Fatalf("label %q, %d files, %v", disc.Label, len(disc.Files), err)
	}
	for _, f := range files {
		if !bytes.Equal(disc.Files[f.Name], f.Content) {
			t.Errorf("%s: %d bytes, want %d", f.Name, len(disc.Files[f.Name]), len(f.Content))
		}
	}
}

func TestISOReadByXorriso(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("xorriso"); err != nil {
		t.Skip("xorriso is missing: make deps installs it")
	}
	raw, files := sampleISO(t)
	dir := t.TempDir()
	image, out := filepath.Join(dir, "seed.iso"), filepath.Join(dir, "out")
	if err := os.WriteFile(image, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	said, err := exec.CommandContext(t.Context(), "xorriso", "-osirrox", "on", "-indev", image, "-extract", "/", out).CombinedOutput()
	if err != nil || !strings.Contains(string(said), "'cidata'") {
		t.Fatalf("%v: %s", err, said)
	}
	for _, f := range files {
		if content, err := os.ReadFile(filepath.Join(out, f.Name)); err != nil || !bytes.Equal(content, f.Content) {
			t.Errorf("%s: %d bytes, %v", f.Name, len(content), err)
		}
	}
}

// TestISOReadByLinux mounts the image as cloud-init does, with Rock Ridge and
// without: the names must be right either way.
func TestISOReadByLinux(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" || os.Geteuid() != 0 {
		t.Skip("mounting an image needs root on Linux")
	}
	raw, files := sampleISO(t)
	for _, options := range []string{"loop,ro", "loop,ro,norock"} {
		t.Run(options, func(t *testing.T) {
			dir := t.TempDir()
			image, at := filepath.Join(dir, "seed.iso"), filepath.Join(dir, "mnt")
			if err := errors.Join(os.WriteFile(image, raw, 0o600), os.Mkdir(at, 0o700)); err != nil {
				t.Fatal(err)
			}
			if out, err := exec.CommandContext(t.Context(), "mount", "-t", "iso9660", "-o", options, image, at).CombinedOutput(); err != nil {
				t.Skipf("this machine does not mount images: %s", out)
			}
			t.Cleanup(func() {
				if err := syscall.Unmount(at, 0); err != nil {
					t.Error(err)
				}
			})
			for _, f := range files {
				content, err := os.ReadFile(filepath.Join(at, f.Name))
				if err != nil || !bytes.Equal(content, f.Content) {
					t.Errorf("%s: %d bytes, %v", f.Name, len(content), err)
				}
			}
		})
	}
}

func TestISORefusesWhatDoesNotFit(t *testing.T) {
	t.Parallel()
	files := make([]isoFile, 40)
	for i := range files {
		files[i] = isoFile{Name: strings.Repeat("a", i+1)}
	}
	if _, err := buildISO("x", time.Now(), files); err == nil {
		t.Error("forty files were put into one sector")
	}
}
