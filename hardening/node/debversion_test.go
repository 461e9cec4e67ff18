package node

import (
	"os/exec"
	"strings"
	"testing"
)

func TestCompareVersions(t *testing.T) {
	t.Parallel()
	// Each is older than the next.
	order := []string{
		"~~", "~", "0~rc1", "0", "0.1", "1.0~beta1-1", "1.0-0", "1.0-1", "1.0-1+deb12u1", "1.0-1+deb12u10", "1.0.1", "1.9", "1.10", "1.10a", "1.10+b",
		"2.36-9+deb12u14", "1:0.5", "1:9.2p1-2+deb12u3", "2:0~1",
	}
	for i, a := range order {
		for j, b := range order {
			if have, want := compareVersions(a, b), sign(i-j); have != want {
				t.Errorf("%s and %s: %d, want %d", a, b, have, want)
			}
		}
	}
	for _, same := range [][2]string{{"1.0", "1.00"}, {"1.0", "0:1.0"}, {"1.0", "1.0-0"}, {"", ""}} {
		if compareVersions(same[0], same[1]) != 0 {
			t.Errorf("%q are not the same", same)
		}
	}
}

func sign(n int) int {
	switch {
	case n < 0:
		return -1
	case n > 0:
		return 1
	}
	return 0
}

// dpkg is the judge.
func FuzzCompareVersions(f *testing.F) {
	dpkg, err := exec.LookPath("dpkg")
	for _, pair := range [][2]string{{"1.0-1", "1.0-1+b1"}, {"1:2~a", "1:2~"}, {"1.0.0-", "1"}, {"9a.b", "9a+b"}} {
		f.Add(pair[0], pair[1])
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		have := compareVersions(a, b)
		if back := compareVersions(b, a); back != -have {
			t.Errorf("%q, %q: %d there, %d back", a, b, have, back)
		}
		if err != nil || !isVersion(a) || !isVersion(b) {
			return
		}
		relation := map[int]string{-1: "lt", 0: "eq", 1: "gt"}[have]
		if exec.CommandContext(t.Context(), dpkg, "--compare-versions", a, relation, b).Run() != nil {
			t.Errorf("%q %s %q, says dpkg otherwise", a, relation, b)
		}
	})
}

// isVersion reports whether dpkg takes a version without a word of warning.
func isVersion(v string) bool {
	epoch, rest := cutEpoch(v)
	return rest != "" && isDigit(rest[0]) && len(epoch) < 6 && strings.Trim(epoch, "0123456789") == "" && (epoch != "" || !strings.Contains(v, ":")) &&
		!strings.HasSuffix(rest, "-") && strings.Trim(rest, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.+~-") == ""
}
