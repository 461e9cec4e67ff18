package agent

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"testing/fstest"
)

const program = "#!a program"

func packed(t *testing.T, content string) *fstest.MapFile {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(content)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return &fstest.MapFile{Data: b.Bytes()}
}

func sumOf(content string) string {
	sum := sha256.Sum256([]byte(content))
	return hex.EncodeToString(sum[:])
}

func TestPathIsTheContentsHashWithAndWithoutAChecksumFile(t *testing.T) {
	t.Parallel()
	want := Folder + "/k3sedge-node-" + sumOf(program)[:16]
	bare := fstest.MapFS{"bin/k3sedge-node-linux-amd64.gz": packed(t, program)}
	both := fstest.MapFS{
		"bin/k3sedge-node-linux-amd64.gz":     packed(t, program),
		"bin/k3sedge-node-linux-amd64.sha256": {Data: []byte(sumOf(program) + "  k3sedge-node-linux-amd64\n")},
	}
	for name, files := range map[string]fstest.MapFS{"bare": bare, "with checksum": both} {
		if got, err := pathIn(files, "amd64"); err != nil || got != want {
			t.Errorf("%s: path %q, %v; want %q", name, got, err, want)
		}
		a, err := agentIn(files, "amd64")
		if err != nil || a.Path != want || string(a.Content) != program {
			t.Errorf("%s: agent %q %q, %v", name, a.Path, a.Content, err)
		}
	}
}

func TestPathDoesNotUnpack(t *testing.T) {
	t.Parallel()
	files := fstest.MapFS{
		"bin/k3sedge-node-linux-arm64.gz":     {Data: []byte("no gzip at all")},
		"bin/k3sedge-node-linux-arm64.sha256": {Data: []byte(sumOf(program))},
	}
	if _, err := pathIn(files, "arm64"); err != nil {
		t.Errorf("path: %v", err)
	}
	if _, err := agentIn(files, "arm64"); err == nil {
		t.Error("a program that is no gzip was unpacked")
	}
}

func TestBrokenBuildsAreRefused(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"other program":  sumOf("another"),
		"short checksum": "abcd",
		"no checksum":    "zz",
	}
	for name, sum := range tests {
		files := fstest.MapFS{
			"bin/k3sedge-node-linux-amd64.gz":     packed(t, program),
			"bin/k3sedge-node-linux-amd64.sha256": {Data: []byte(sum)},
		}
		if _, err := agentIn(files, "amd64"); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestAMissingAgentNamesTheCommandThatBuildsIt(t *testing.T) {
	t.Parallel()
	for _, ask := range []func() error{
		func() error { _, err := pathIn(fstest.MapFS{}, "amd64"); return err },
		func() error { _, err := Embedded{}.For("riscv64"); return err },
		func() error { _, err := Embedded{}.Path("riscv64"); return err },
	} {
		err := ask()
		var hinted interface{ Hint() string }
		if !errors.Is(err, ErrNotBuilt) || !errors.As(err, &hinted) || !strings.Contains(hinted.Hint(), "make build") {
			t.Errorf("error %v has no hint to make build", err)
		}
	}
}
