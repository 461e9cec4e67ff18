package traefik

import (
	"testing"
)

func TestReleases(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	if list, err := releases(t.Context(), s); err != nil || len(list) != 0 {
		t.Errorf("none yet: %v, %v", list, err)
	}
	s.release(t, 9, "superseded", "", nil)
	s.release(t, 10, "deployed", "Upgrade complete", []byte("hostNetwork: true\n"))
	s.release(t, 11, "failed", "timed out", []byte("hostNetwork: false\n"))
	other := in("Secret", "v1", "sh.helm.release.v1.traefik-crd.v1", doc{"type": "helm.sh/release.v1", "data": doc{}})
	other["metadata"].(doc)["labels"] = doc{"owner": "helm", "name": "traefik-crd", "status": "deployed", "version": "1"}
	s.put(t, other)
	list, err := releases(t.Context(), s)
	if err != nil || len(list) != 2 || list[0].Version != 10 || list[1].Version != 11 {
		t.Fatalf("%v, %v", list, err)
	}
	if got := list[1].String(); got != "release 11 failed: timed out" {
		t.Errorf("%q", got)
	}
	if ours, err := list[1].carries([]byte("hostNetwork: true\n")); err != nil || ours {
		t.Errorf("other values are ours: %v", err)
	}
	broken := in("Secret", "v1", "sh.helm.release.v1.traefik.v12", doc{"type": "helm.sh/release.v1", "data": doc{"release": "AAAA"}})
	broken["metadata"].(doc)["labels"] = doc{"owner": "helm", "name": "traefik", "status": "deployed", "version": "12"}
	s.put(t, broken)
	if _, err := releases(t.Context(), s); err == nil {
		t.Error("a broken release is read")
	}
}

func TestCarries(t *testing.T) {
	t.Parallel()
	const given = "ports: {web: {port: 80, hostPort: 80}}\nlist: [a, b]\nservice: {enabled: false, type: LoadBalancer}\n"
	config, err := plainMap([]byte(given))
	if err != nil {
		t.Fatal(err)
	}
	r := Release{config: config}
	for values, want := range map[string]bool{
		given:                                 true,
		"ports: {web: {port: 80}}":            true,
		"ports: {web: {port: 81}}":            false,
		"ports: {web: {port: \"80\"}}":        false,
		"ports: {tunnel: {port: 8444}}":       false,
		"list: [a]":                           false,
		"list: [a, b]":                        true,
		"service: {enabled: false}":           true,
		"service: off":                        false,
		"service: {type: {name: x}}":          false,
		"absent: null":                        false,
		"":                                    true,
		"hostNetwork: true\nlist: [a, b]":     false,
		"ports: {web: {http: {tls: {}}}}":     true, // nothing is asked for below
		"ports: {web: {http: {tls: {a: 1}}}}": false,
	} {
		if got, err := r.carries([]byte(values)); err != nil || got != want {
			t.Errorf("%q: %t, %v", values, got, err)
		}
	}
	if _, err := r.carries([]byte("a: [")); err == nil {
		t.Error("broken values are compared")
	}
}

func FuzzReleaseRead(f *testing.F) {
	f.Add(storedRelease(f, "Install complete", map[string]any{"a": 1}))
	f.Add([]byte("H4sIAAAAAAAA/w=="))
	f.Fuzz(func(_ *testing.T, stored []byte) {
		var r Release
		_ = r.read(stored) // whatever is stored, it ends
	})
}
