package traefik

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"helm.sh/helm/v3/pkg/chartutil"

	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/testinfra/goldenfile"
)

var update = flag.Bool("update", false, "write the golden files anew")

func modes() []inventory.EdgeMode {
	return []inventory.EdgeMode{inventory.EdgeLAN, inventory.EdgePortForward, inventory.EdgeTunnel}
}

// schemas are those of the real chart, by version.
func schemas(t *testing.T) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob("testdata/schema/*.json")
	if err != nil || len(files) != 5 {
		t.Fatalf("%d schemas: %v", len(files), err)
	}
	out := map[string][]byte{}
	for _, file := range files {
		schema, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		out[strings.TrimSuffix(filepath.Base(file), ".json")] = schema
	}
	return out
}

func TestManifestGolden(t *testing.T) {
	t.Parallel()
	for _, mode := range modes() {
		for _, version := range []string{"38.0.2", "39.0.7"} {
			got, err := Manifest(clusterIn(mode), mustChart(t, version), Ranges())
			if err != nil {
				t.Fatal(err)
			}
			goldenfile.Compare(t, filepath.Join("testdata", string(mode)+"-"+version+".golden.yaml"), got, *update)
		}
	}
}

// The real charts' schemas take our values in every mode.
func TestValuesSuitTheSchemas(t *testing.T) {
	t.Parallel()
	for version, schema := range schemas(t) {
		for _, mode := range modes() {
			content, err := newValues(clusterIn(mode), mustChart(t, version), Ranges()).encode()
			if err != nil {
				t.Fatal(err)
			}
			values, err := chartutil.ReadValues(content)
			if err != nil {
				t.Fatal(err)
			}
			if err := chartutil.ValidateAgainstSingleSchema(values, schema); err != nil {
				t.Errorf("chart %s, mode %s: %v", version, mode, err)
			}
		}
	}
}

// Each spelling is refused, or without effect, where the other one belongs.
func TestTheOtherSpellingFails(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"39.0.7", "40.3.0", "41.3.0"} {
		old := mustValues(t, mustChart(t, "38.0.2"))
		if err := validate(fixtureChart(t, version), old); err == nil || !strings.Contains(err.Error(), "redirections") {
			t.Errorf("chart %s takes the spelling of 38: %v", version, err)
		}
	}
	chart := mustChart(t, "39.0.7")
	d, err := render(fixtureChart(t, "34.2.0"), mustValues(t, chart))
	if err != nil {
		t.Fatalf("the schema of 34 knows no unknown keys: %v", err)
	}
	_, args := d.container()
	missing, _ := differingArgs(args, newValues(clusterIn(inventory.EdgeTunnel), chart, nil).args())
	if len(missing) != 2 {
		t.Errorf("chart 34 leaves out redirection and TLS, but missing are %q", missing)
	}
}

func TestEdgeModes(t *testing.T) {
	t.Parallel()
	chart := mustChart(t, "39.0.7")
	for _, mode := range modes() {
		v := newValues(clusterIn(mode), chart, Ranges())
		tunnel, ok := v.Ports[EntryPointTunnel]
		if ok != (mode == inventory.EdgeTunnel) || ok && (tunnel.HostIP != loopback || tunnel.HostPort != 0) {
			t.Errorf("%s: entrypoint tunnel %+v", mode, tunnel)
		}
		for _, name := range []string{EntryPointWeb, EntryPointWebSecure} {
			trusts := v.Ports[name].ForwardedHeaders
			if (trusts != nil) != (mode == inventory.EdgePortForward) || trusts != nil && len(trusts.TrustedIPs) != 22 {
				t.Errorf("%s: %s trusts %+v", mode, name, trusts)
			}
		}
		if v.Ports["traefik"].HostIP != loopback || v.Ports["metrics"].HostIP != loopback {
			t.Errorf("%s: the API or the metrics are open to the LAN", mode)
		}
	}
	if _, err := ConfigFor(clusterIn(inventory.EdgePortForward), chart, nil); err == nil {
		t.Error("portforward without anybody to trust")
	}
	bare := newValues(inventory.Cluster{}, chart, nil)
	// The pause between two changes is of no edge; an address there is none.
	if _, ok := bare.Ports[EntryPointTunnel]; ok || !slices.Equal(bare.AdditionalArguments, []string{"--providers.providersthrottleduration=250ms"}) {
		t.Errorf("without edge and nodes: %+v", bare)
	}
}

func TestDifferingArgs(t *testing.T) {
	t.Parallel()
	want := []string{"--entryPoints.web.address=:80/tcp", "--entryPoints.websecure.http.tls=true"}
	for name, c := range map[string]struct {
		have           []string
		missing, extra int
	}{
		"same but for case":      {[]string{"--entrypoints.web.address=:80/TCP", "--ENTRYPOINTS.websecure.http.tls=true"}, 0, 0},
		"more of other kinds":    {append([]string{"--ping=true", "--entryPoints.web.http.middlewares=a"}, want...), 0, 0},
		"none":                   {nil, 2, 0},
		"another port":           {[]string{"--entryPoints.web.address=:8000/tcp", want[1]}, 1, 1},
		"an entrypoint too many": {append([]string{"--entryPoints.tunnel.address=:8444/tcp"}, want...), 0, 1},
	} {
		if missing, extra := differingArgs(c.have, want); len(missing) != c.missing || len(extra) != c.extra {
			t.Errorf("%s: missing %q, extra %q", name, missing, extra)
		}
	}
}
