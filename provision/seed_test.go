package provision

import (
	"flag"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/machine"
	"github.com/k3sedge/k3sedge/testinfra/goldenfile"
)

var update = flag.Bool("update", false, "write the golden files")

func seedCluster() inventory.Cluster {
	return inventory.Cluster{
		ID:      clusterID,
		Network: inventory.Network{CIDR: netip.MustParsePrefix("10.0.0.0/24"), Gateway: netip.MustParseAddr("10.0.0.1"), DNS: []netip.Addr{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("9.9.9.9")}},
		SSH:     inventory.SSH{User: "admin", AuthorizedKeys: []string{"ssh-ed25519 AAAAoperator me@desk"}},
	}
}

func TestSeedDocuments(t *testing.T) {
	t.Parallel()
	c, n := seedCluster(), inventory.Node{Name: "edge-1", Address: netip.MustParseAddr("10.0.0.11")}
	key := machine.HostKey{Public: "ssh-ed25519 AAAApublic", PrivatePEM: "-----BEGIN OPENSSH PRIVATE KEY-----\nsecret\n-----END OPENSSH PRIVATE KEY-----\n"}
	six := c
	six.Network = inventory.Network{CIDR: netip.MustParsePrefix("fd00:1::/64"), Gateway: netip.MustParseAddr("fd00:1::1"), DNS: []netip.Addr{netip.MustParseAddr("fd00:1::1")}}
	both, address6 := c, netip.MustParseAddr("fd00:1::11")
	both.Network.IPv6 = &inventory.Network6{CIDR: netip.MustParsePrefix("fd00:1::/64"), Gateway: netip.MustParseAddr("fe80::1")}
	for name, doc := range map[string]any{
		"network-config-both": networkFor(both.Network, inventory.Node{Address: n.Address, Address6: &address6}),
		"user-data":           userDataFor(c, n, key),
		"network-config":      networkFor(c.Network, n),
		"network-config6":     networkFor(six.Network, inventory.Node{Address: netip.MustParseAddr("fd00:1::11")}),
	} {
		got, err := yaml.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		goldenfile.Compare(t, filepath.Join("testdata", name+".golden.yaml"), got, *update)
	}
}

// TestInstanceIDDependsOnNothingButTheMark: another one would make cloud-init
// delete the host keys.
func TestInstanceIDDependsOnNothingButTheMark(t *testing.T) {
	t.Parallel()
	a, b := mark{clusterID, "edge-1"}.hash(), mark{clusterID, "edge-2"}.hash()
	if a == b || a != "6fd05940b17c4785" {
		t.Errorf("hashes %s, %s", a, b)
	}
}

func TestSeedWithoutAKeyIsRefused(t *testing.T) {
	t.Parallel()
	c := seedCluster()
	c.SSH.AuthorizedKeys = nil
	if _, err := seedISO(c, inventory.Node{}, machine.HostKey{}, time.Now()); err == nil || !strings.Contains(hintOf(err), "ssh.authorizedKeys") {
		t.Errorf("%v (%s)", err, hintOf(err))
	}
}

func TestFingerprintOfNoKey(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"", "ssh-ed25519", "ssh-ed25519 ???"} {
		if fingerprint(bad) != "" {
			t.Errorf("%q has a fingerprint", bad)
		}
	}
}
