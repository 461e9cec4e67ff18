package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/k3sedge/k3sedge/addons/traefik"
	"github.com/k3sedge/k3sedge/inventory"
)

func TestASecretIsResolvedOnce(t *testing.T) {
	t.Parallel()
	asked := map[inventory.SecretRef]int{}
	broken := errors.New("the store is locked")
	resolve := once(func(_ context.Context, ref inventory.SecretRef) (inventory.Secret, error) {
		if asked[ref]++; asked[ref] == 1 && ref == "cmd:locked" {
			return inventory.Secret{}, broken
		}
		return inventory.NewSecret(string(ref)), nil
	})
	for ref, want := range map[inventory.SecretRef]int{"env:A": 1, "cmd:locked": 2} {
		for range 3 {
			secret, err := resolve(t.Context(), ref)
			if !errors.Is(err, broken) && secret.Reveal() != string(ref) {
				t.Errorf("%s: %v", ref, err)
			}
		}
		if asked[ref] != want {
			t.Errorf("%s was resolved %d times, want %d", ref, asked[ref], want)
		}
	}
}

func TestShare(t *testing.T) {
	t.Parallel()
	for want, of := range map[string][2]int64{
		"█████░░░░░░░░░░░░░░░ 17 of 68 MB": {17_000_000, 68_000_000},
		"░░░░░░░░░░░░░░░░░░░░ 0 of 68 MB":  {0, 68_000_000},
		"████████████████████ 69 of 68 MB": {69_000_000, 68_000_000}, // a server that sends more than it said
		"12 MB": {12_000_000, 0},
	} {
		if got := share(of[0], of[1]); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestABundleIsAFolderForK3s(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	file := filepath.Join(folder, "k3s")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	st := &site{project: inventory.Project{Cluster: inventory.Cluster{K3s: &inventory.K3s{Bundle: "of the file"}}}}
	for _, wrong := range []string{file, filepath.Join(folder, "absent")} {
		if err := st.useBundle(wrong); codeOf(err) != exitUsage || hintOf(err) == "" {
			t.Errorf("%s: %v", wrong, err)
		}
	}
	for given, want := range map[string]string{"": "of the file", folder: folder} {
		st.project.Cluster.K3s.Bundle = "of the file"
		if err := st.useBundle(given); err != nil || st.project.Cluster.K3s.Bundle != want {
			t.Errorf("%q: %q, %v", given, st.project.Cluster.K3s.Bundle, err)
		}
	}
	st.project.Cluster.K3s = nil
	if err := st.useBundle(folder); !errors.Is(err, errNoK3s) || codeOf(err) != exitUsage {
		t.Errorf("without K3s: %v", err)
	}
}

func TestWhereKubectlLooks(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		given string
		env   map[string]string
		want  string
	}{
		"a flag":        {"mine", map[string]string{"KUBECONFIG": "/a", "HOME": "/home/me"}, "mine"},
		"the variable":  {"", map[string]string{"KUBECONFIG": "/a:/b", "HOME": "/home/me"}, "/a"},
		"the home":      {"", map[string]string{"KUBECONFIG": "", "HOME": "/home/me"}, "/home/me/.kube/config"},
		"no home":       {"", map[string]string{}, ""},
		"an empty home": {"", map[string]string{"HOME": ""}, ""},
	} {
		s := testStreams(nil, nil)
		s.Getenv = func(name string) (string, bool) { v, ok := tc.env[name]; return v, ok }
		got, err := kubeconfigPath(s, tc.given)
		if got != tc.want || (err == nil) != (tc.want != "") || err != nil && codeOf(err) != exitUsage {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

// flareRanges is a server that publishes these networks.
func flareRanges(t *testing.T, networks []netip.Prefix) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, p := range networks {
			if p.Addr().Is4() == strings.HasSuffix(r.URL.Path, "v4") {
				fmt.Fprintln(w, p)
			}
		}
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func TestRefreshTellsWhatIsAnother(t *testing.T) {
	t.Parallel()
	carried := traefik.Ranges()
	moved := append([]netip.Prefix{netip.MustParsePrefix("203.0.112.0/24")}, carried[1:]...)
	file := filepath.Join(t.TempDir(), "k3sedge.yaml")
	for _, tc := range []struct {
		published []netip.Prefix
		says      string
	}{
		{carried, "no change\n"},
		{moved, "new: 203.0.112.0/24\ngone: " + carried[0].String() + "\n"},
		{moved, "no change\n"},
	} {
		var out, errs bytes.Buffer
		err := runRanges(t.Context(), testStreams(&out, &errs), rangesOptions{file, flareRanges(t, tc.published), true})
		if err != nil || errs.String() != tc.says || out.String() != lines(tc.published) || readFile(t, rangesFile(file)) != out.String() {
			t.Errorf("%q, %v", errs.String(), err)
		}
	}
}

func TestRefreshKeepsAListThatIsCloudflares(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "k3sedge.yaml")
	err := runRanges(t.Context(), testStreams(io.Discard, io.Discard), rangesOptions{file, flareRanges(t, traefik.Ranges()[:3]), true})
	if codeOf(err) != exitUnknown || hintOf(err) == "" {
		t.Errorf("three networks: %v", err)
	}
	if _, err := os.Stat(rangesFile(file)); err == nil {
		t.Error("they were kept")
	}
	// A file that is broken is written anew.
	if err := os.WriteFile(rangesFile(file), []byte("10.0.0.0/8\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, refresh := range []bool{false, true} {
		want := map[bool]int{false: exitUsage, true: exitOK}[refresh]
		err := runRanges(t.Context(), testStreams(io.Discard, io.Discard), rangesOptions{file, flareRanges(t, traefik.Ranges()), refresh})
		if codeOf(err) != want {
			t.Errorf("refresh %v: %v", refresh, err)
		}
	}
	if got, err := loadRanges(file); err != nil || len(got) != len(traefik.Ranges()) {
		t.Errorf("%d networks, %v", len(got), err)
	}
}

func TestRangesMatterToOneModeOnly(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "k3sedge.yaml")
	for mode, want := range map[inventory.EdgeMode]int{inventory.EdgeLAN: 0, inventory.EdgeTunnel: 0, inventory.EdgePortForward: len(traefik.Ranges())} {
		got, err := published(inventory.Cluster{Edge: &inventory.Edge{Mode: mode}}, file)
		if err != nil || len(got) != want {
			t.Errorf("%s: %d networks, %v, want %d", mode, len(got), err, want)
		}
	}
	if got, err := published(inventory.Cluster{}, file); err != nil || len(got) > 0 {
		t.Errorf("without an edge: %v, %v", got, err)
	}
}
