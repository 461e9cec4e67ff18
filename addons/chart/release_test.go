package chart

import (
	"fmt"
	"testing"

	"github.com/k3sedge/k3sedge/testinfra/fakekube"
)

var traefik = Ref{Name: "traefik", Namespace: "kube-system"}

func putRelease(t *testing.T, k *fakekube.Kube, r fakekube.Release) {
	t.Helper()
	secret, err := r.Secret()
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Put("helm", secret); err != nil {
		t.Fatal(err)
	}
}

// given are releases of traefik: the version, its status, and its values.
func given(t *testing.T, k *fakekube.Kube, version int, status string, values map[string]any) {
	t.Helper()
	putRelease(t, k, fakekube.Release{Name: "traefik", Namespace: "kube-system", Version: version, Status: status,
		Description: "timed out", Chart: fmt.Sprintf("39.0.%d", version), Values: values})
}

func TestReleases(t *testing.T) {
	t.Parallel()
	k := fakekube.New()
	if list, err := traefik.Releases(t.Context(), k.API()); err != nil || len(list) != 0 {
		t.Errorf("none yet: %v, %v", list, err)
	}
	given(t, k, 9, "superseded", nil)
	given(t, k, 10, "deployed", map[string]any{"hostNetwork": true})
	given(t, k, 11, "failed", map[string]any{"hostNetwork": false})
	putRelease(t, k, fakekube.Release{Name: "traefik-crd", Namespace: "kube-system", Version: 1, Status: "deployed"})
	list, err := traefik.Releases(t.Context(), k.API())
	if err != nil || len(list) != 2 || list[0].Version != 10 || list[1].Version != 11 || list[1].Chart != "39.0.11" {
		t.Fatalf("%v, %v", list, err)
	}
	if got := list[1].String(); got != "release 11 failed: timed out" {
		t.Errorf("%q", got)
	}
	if ours, err := list[1].Carries([]byte("hostNetwork: true\n")); err != nil || ours {
		t.Errorf("other values are ours: %v", err)
	}
	broken, err := fakekube.Release{Name: "traefik", Namespace: "kube-system", Version: 12, Status: "deployed"}.Secret()
	if err != nil {
		t.Fatal(err)
	}
	broken["data"] = map[string]any{"release": "AAAA"}
	if err := k.Put("helm", broken); err != nil {
		t.Fatal(err)
	}
	if _, err := traefik.Releases(t.Context(), k.API()); err == nil {
		t.Error("a broken release is read")
	}
}

func TestClearLeavesWhatIsDeployed(t *testing.T) {
	t.Parallel()
	k := fakekube.New()
	given(t, k, 1, "deployed", nil)
	given(t, k, 2, "failed", nil)
	given(t, k, 3, "failed", nil)
	list, err := traefik.Releases(t.Context(), k.API())
	if err != nil {
		t.Fatal(err)
	}
	if err := traefik.Clear(t.Context(), k.API(), list); err != nil {
		t.Fatal(err)
	}
	left, err := traefik.Releases(t.Context(), k.API())
	if err != nil || len(left) != 1 || left[0].Version != 1 || len(k.Writes()) != 3 {
		t.Errorf("%v, %v, wrote %v", left, err, k.Writes())
	}
}

func TestCarries(t *testing.T) {
	t.Parallel()
	const given = "ports: {web: {port: 80, hostPort: 80}}\nlist: [a, b]\nservice: {enabled: false, type: LoadBalancer}\n"
	config, err := PlainMap([]byte(given))
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
		if got, err := r.Carries([]byte(values)); err != nil || got != want {
			t.Errorf("%q: %t, %v", values, got, err)
		}
	}
	if _, err := r.Carries([]byte("a: [")); err == nil {
		t.Error("broken values are compared")
	}
}

func FuzzReleaseRead(f *testing.F) {
	stored, err := fakekube.Release{Description: "Install complete", Values: map[string]any{"a": 1}}.Stored()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(stored)
	f.Add([]byte("H4sIAAAAAAAA/w=="))
	f.Fuzz(func(_ *testing.T, stored []byte) {
		var r Release
		_ = r.read(stored) // whatever is stored, it ends
	})
}
