package cloudflare

import (
	"encoding/json"
	"flag"
	"net/netip"
	"strings"
	"testing"

	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/converge"
	"github.com/k3sedge/k3sedge/testinfra/goldenfile"
)

var update = flag.Bool("update", false, "write the golden files anew")

const (
	clusterID  = "11111111-2222-4333-8444-555555555555"
	anotherID  = "99999999-2222-4333-8444-555555555555"
	tunnelUUID = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"
	testZone   = "lab.test"
)

func testCluster(mode inventory.EdgeMode) inventory.Cluster {
	c := inventory.Cluster{
		Name: "home", ID: clusterID,
		Nodes: []inventory.Node{{Name: "edge-1", Address: netip.MustParseAddr("10.0.0.11")}, {Name: "edge-2", Address: netip.MustParseAddr("10.0.0.12")}},
		Edge:  &inventory.Edge{Mode: mode, Cloudflare: &inventory.Cloudflare{Token: "env:T", Zones: []string{testZone}}},
	}
	if mode == inventory.EdgeTunnel {
		c.Edge.Tunnel = &inventory.Tunnel{Name: "k3sedge-home", Management: inventory.TunnelRemote}
	}
	return c
}

func lan(name string) inventory.Service {
	return inventory.Service{Name: name, Host: name + "." + testZone, Expose: inventory.ExposeLAN, To: []string{"10.0.0.20:80"}}
}

func public(name string) inventory.Service {
	s := lan(name)
	s.Expose = inventory.ExposePublic
	return s
}

// golden compares a value, as JSON, with a file.
func golden(t *testing.T, name string, value any) {
	t.Helper()
	got, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	goldenfile.Compare(t, "testdata/"+name+".golden.json", append(got, '\n'), *update)
}

// told is a list of changes as one text.
func told(changes []converge.Change) string {
	var out []string
	for _, c := range changes {
		out = append(out, c.ID+": "+c.Have+" -> "+c.Want)
	}
	return strings.Join(out, "\n")
}

// parsed reads rules that are written as JSON.
func parsed(t *testing.T, rules ...string) []Rule {
	t.Helper()
	out, err := parseRules(map[string]json.RawMessage{"ingress": json.RawMessage("[" + strings.Join(rules, ",") + "]")})
	if err != nil {
		t.Fatal(err)
	}
	return out
}
