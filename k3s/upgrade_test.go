package k3s

import (
	"strings"
	"testing"

	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/testinfra/fakehost"
)

func TestVersionsInOrder(t *testing.T) {
	t.Parallel()
	order := []string{
		"v1.9.14+k3s1", "v1.34.1+k3s1", "v1.35.4-rc1+k3s1", "v1.35.4-rc2+k3s1", "v1.35.4", "v1.35.4+k3s1", "v1.35.4+k3s2",
		"v1.35.4+k3s10", "v1.35.10+k3s1", "v1.36.0+lab1", "v2.0.0+k3s1",
	}
	for i, a := range order {
		for j, b := range order {
			v, ok1 := parseVersion(a)
			w, ok2 := parseVersion(b)
			if got := v.compare(w); !ok1 || !ok2 || got > 0 != (i > j) || got < 0 != (i < j) {
				t.Errorf("%s and %s: %d", a, b, got)
			}
		}
	}
	for _, s := range []string{"", "latest", "1.35.4", "v1.35", "v1.35.4+", "v1.35.4+k3s", "v1.35.4+k3s1 ", "v99999.1.1"} {
		if v, ok := parseVersion(s); ok {
			t.Errorf("%q is %+v", s, v)
		}
	}
}

func TestUpgradable(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ from, to, why, hint string }{
		"same":           {"v1.35.4+k3s1", "v1.35.4+k3s1", "", ""},
		"same, no form":  {"devel", "devel", "", ""},
		"patch":          {"v1.35.4+k3s1", "v1.35.5+k3s1", "", ""},
		"next minor":     {"v1.35.4+k3s1", "v1.36.0+k3s1", "", ""},
		"a build back":   {"v1.35.4+k3s2", "v1.35.4+k3s1", "cannot go back", "set k3s.version to v1.35.4+k3s2 or later"},
		"a minor back":   {"v1.36.0+k3s1", "v1.35.9+k3s1", "cannot go back", "snapshot"},
		"two minors":     {"v1.34.9+k3s1", "v1.36.0+k3s1", "must not skip", "a release of v1.35 first"},
		"another major":  {"v1.35.4+k3s1", "v2.0.0+k3s1", "must not skip", "v1.36"},
		"not a version":  {"v1.35.4+k3s1", "latest", "cannot be told", "k3s.version"},
		"it was unknown": {"devel", "v1.35.4+k3s1", "cannot be told", "k3s.version"},
	} {
		why, hint := upgradable(tc.from, tc.to)
		if !strings.Contains(why, tc.why) || (why == "") != (tc.why == "") || !strings.Contains(hint, tc.hint) {
			t.Errorf("%s: %q, %q", name, why, hint)
		}
	}
}

// What runs is what counts, whoever started it.
func TestADowngradeIsRefusedBeforeAnythingIsBrought(t *testing.T) {
	for name, edit := range map[string]func(s *fakehost.State){
		"we started it":            func(*fakehost.State) {},
		"it was upgraded by hand":  func(s *fakehost.State) { s.Put(markerPath, []byte(`{"version":"v1.30.0+k3s1","sha256":"x"}`), 0o600) },
		"somebody else started it": func(s *fakehost.State) { delete(s.Files, markerPath) },
		"it is stopped":            func(s *fakehost.State) { s.Units[agentUnit] = fakehost.Stopped() },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				w := newWorld(t, inventory.Agent)
				w.mustUp()
				w.forget()
				w.useRelease("v1.35.3+k3s1", "older")
				w.hosts["edge-2"].Edit(edit)
				r, err := w.plan()
				if err != nil || !strings.Contains(w.log.text(), "edge-2 k3s/version step-differs") {
					t.Errorf("plan: %+v, %v", r, err)
				}
				_, err = w.up()
				if err == nil || !strings.Contains(err.Error(), "edge-2 runs v1.35.4+k3s1 and shall run v1.35.3+k3s1") || !strings.Contains(hintOf(err), "snapshot") {
					t.Errorf("got %v, hint %q", err, hintOf(err))
				}
				if len(w.changes()) != 0 {
					t.Errorf("changed %q", w.changes())
				}
			})
		})
	}
}

func FuzzParseVersion(f *testing.F) {
	for _, s := range []string{"v1.35.4+k3s1", "v1.35.4-rc1+k3s1", "v1.35.4", "v1.35.4+lab1", "v1..2", "v1.2.3-rc+k"} {
		f.Add(s, "v1.35.4+k3s1")
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		v, ok1 := parseVersion(a)
		w, ok2 := parseVersion(b)
		if ok1 && ok2 && v.compare(w) != -w.compare(v) {
			t.Errorf("%q and %q: %d and %d", a, b, v.compare(w), w.compare(v))
		}
		if why, hint := upgradable(a, b); (why == "") != (hint == "") {
			t.Errorf("%q to %q: %q, %q", a, b, why, hint)
		}
	})
}
