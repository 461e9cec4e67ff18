package addons

import (
	"context"
	"errors"
	"flag"
	"net/netip"
	"testing"

	"github.com/k3sedge/k3sedge/addons/object"
	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/testinfra/goldenfile"
)

var update = flag.Bool("update", false, "write the golden files anew")

const (
	canary = "canary7f3a"
	// bob's password does not matter, his line is secret all the same.
	bob = "bob:$2y$05$" + canary + "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
)

func testCluster(mode inventory.EdgeMode) inventory.Cluster {
	return inventory.Cluster{
		Name:    "home",
		Network: inventory.Network{CIDR: netip.MustParsePrefix("203.0.113.0/24")},
		Nodes:   []inventory.Node{{Name: "edge-1", Address: netip.MustParseAddr("10.0.0.11")}, {Name: "edge-2", Address: netip.MustParseAddr("10.0.0.12")}},
		K3s:     &inventory.K3s{PodCIDR: netip.MustParsePrefix("10.42.0.0/16"), ServiceCIDR: netip.MustParsePrefix("10.43.0.0/16")},
		Edge:    &inventory.Edge{Mode: mode, RateLimit: "100/s:200", TunnelRateLimit: "50/s:100"},
	}
}

// testService is the service git, with the changes that are made to it.
func testService(changes ...func(*inventory.Service)) inventory.Service {
	s := inventory.Service{
		Name: "git", Host: "git.example.org", To: []string{"10.0.0.20:3000"},
		Expose: inventory.ExposeLAN, Scheme: inventory.SchemeHTTP, Preset: inventory.PresetWeb,
	}
	for _, change := range changes {
		change(&s)
	}
	return s
}

// passthrough hands the service over unopened, as a file that says so does.
func passthrough(s *inventory.Service) {
	s.Passthrough, s.Scheme, s.Preset, s.To = true, inventory.SchemeHTTPS, "", []string{"10.0.0.30:443"}
}

// named is a service of another name and host.
func named(name string, changes ...func(*inventory.Service)) inventory.Service {
	return testService(append([]func(*inventory.Service){func(s *inventory.Service) { s.Name, s.Host = name, name+".example.org" }}, changes...)...)
}

var errNotSet = errors.New("env:A is not set")

func failing(context.Context, inventory.SecretRef) (inventory.Secret, error) {
	return inventory.Secret{}, errNotSet
}

func golden(t *testing.T, file string, objects []object.Object) {
	t.Helper()
	got, err := object.YAML(objects...)
	if err != nil {
		t.Fatal(err)
	}
	goldenfile.Compare(t, "testdata/"+file+".golden.yaml", got, *update)
}

func hintOf(err error) string {
	var hint interface{ Hint() string }
	if errors.As(err, &hint) {
		return hint.Hint()
	}
	return ""
}
