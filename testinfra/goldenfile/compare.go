package goldenfile

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// Compare holds what a test has made against a file of testdata. With update
// the file, and its folder, is written first.
func Compare(t testing.TB, file string, got []byte, update bool) {
	t.Helper()
	if update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("differs from %s, which make golden writes anew; got:\n%s", file, got)
	}
}
