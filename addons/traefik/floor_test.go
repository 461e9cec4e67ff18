package traefik

import (
	"slices"
	"strings"
	"testing"
)

func TestConcerning(t *testing.T) {
	t.Parallel()
	for version, want := range map[string][]string{
		"3.6.11":  {"CVE-2026-32695", "CVE-2026-41174", "traefik#13481", "CVE-2026-85596"},
		"v3.6.13": {"CVE-2026-41174", "traefik#13481", "CVE-2026-65602", "CVE-2026-71325"},
		"3.6.25":  {"CVE-2026-85596", "CVE-2026-85597"},
		"3.7.6":   {"traefik#13481", "CVE-2026-65602", "CVE-2026-71325"},
		"3.7.10":  {"CVE-2026-85596"},
		"3.7.11":  nil,
		"3.8.0":   nil,
		"4.0.0":   nil,
	} {
		open, err := Concerning(version)
		if err != nil || (len(open) == 0) != (want == nil) {
			t.Errorf("%s: %v, %v", version, open, err)
		}
		for _, id := range want {
			if !slices.ContainsFunc(open, func(a Advisory) bool { return a.ID == id }) {
				t.Errorf("%s: %s does not concern it: %v", version, id, open)
			}
		}
	}
	open, _ := Concerning("3.6.13")
	if slices.ContainsFunc(open, func(a Advisory) bool { return a.ID == "CVE-2026-32695" }) {
		t.Error("what 3.6.12 mended concerns 3.6.13")
	}
	for _, version := range []string{"", "latest", "3.6", "3.6.x", "3.-1.2"} {
		if open, err := Concerning(version); err == nil {
			t.Errorf("%q is a version: %v", version, open)
		}
	}
}

func TestAdvisoriesAreReadable(t *testing.T) {
	t.Parallel()
	for _, a := range Advisories() {
		if len(a.Fixed) == 0 || !slices.IsSorted(a.Fixed) {
			t.Errorf("%s: fixed in %v", a.ID, a.Fixed)
		}
		for _, v := range a.Fixed {
			if _, err := parseVersion(v); err != nil {
				t.Errorf("%s: %v", a.ID, err)
			}
		}
	}
}

func TestWarning(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]string{"": "", "3.7.13": "", "3.6.13": "traefik#13481", "sha-1": "not a version"} {
		got := State{Version: version}.Warning()
		if want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%q: %q, want %q", version, got, want)
		}
	}
}
