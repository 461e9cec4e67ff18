package chart

import (
	"strings"
	"testing"
)

func TestHelmError(t *testing.T) {
	t.Parallel()
	for log, want := range map[string]string{
		"":                              "",
		"+ helm upgrade\n+ exit\n":      "",
		"an Error: of somebody else\n":  "",
		"Error: first":                  "first",
		"Error: first\nError: second\n": "second",
		"+ helm install\nError: INSTALLATION FAILED: no:\n- one\n- two\n+ exit\n": "INSTALLATION FAILED: no: - one - two",
	} {
		if got := helmError(log); got != want {
			t.Errorf("%q gives %q, want %q", log, got, want)
		}
	}
}

func FuzzHelmError(f *testing.F) {
	f.Add("Error: no\n+ exit\n")
	f.Fuzz(func(t *testing.T, log string) {
		if got := helmError(log); got != "" && !strings.Contains(log, "Error: ") || strings.Contains(got, "\n") {
			t.Errorf("%q gives %q", log, got)
		}
	})
}
