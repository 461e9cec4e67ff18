package goldenfile

import (
	"os"
	"path/filepath"
	"testing"
)

// recorder is a test that only notes that it failed.
type recorder struct {
	testing.TB
	failed bool
}

func (r *recorder) Helper()               {}
func (r *recorder) Errorf(string, ...any) { r.failed = true }
func (r *recorder) Fatal(...any)          { r.failed = true }

func TestCompare(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "deep", "a.golden")
	for i, c := range []struct {
		got            string
		update, failed bool
	}{{"one", false, true}, {"one", true, false}, {"one", false, false}, {"two", false, true}, {"", false, true}} {
		r := &recorder{TB: t}
		Compare(r, file, []byte(c.got), c.update)
		if r.failed != c.failed {
			t.Errorf("%d: failed is %t, want %t", i, r.failed, c.failed)
		}
	}
	if text, err := os.ReadFile(file); err != nil || string(text) != "one" {
		t.Errorf("the file is %q, %v", text, err)
	}
}
