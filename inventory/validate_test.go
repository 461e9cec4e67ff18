package inventory

import (
	"strings"
	"testing"
)

func TestValidateCluster(t *testing.T) {
	t.Parallel()
	for _, e := range []edit{
		{"no version", []string{"apiVersion: k3sedge.dev/v1alpha1\n", ""}, []string{"k3sedge.yaml:1: apiVersion: is missing"}},
		{"other version", []string{"v1alpha1", "v2"}, []string{"k3sedge.yaml:1: apiVersion: not known to this version of k3sedge"}},
		{"no kind", []string{"kind: Cluster\n", ""}, []string{"k3sedge.yaml:1: kind: is missing"}},
		{"other kind", []string{"kind: Cluster", "kind: Klaster"}, []string{"k3sedge.yaml:2: kind: not Cluster"}},
		{"no name", []string{"name: home", "name:"}, []string{"k3sedge.yaml:3: name: is missing"}},
		{"name with dot", []string{"name: home", "name: home.lan"}, []string{"k3sedge.yaml:3: name: not a DNS label"}},
		{"no id", []string{"id: 0b6f5a0e-6f0a-4a53-9d0f-7d0e6a3c1b2a", ""}, []string{"k3sedge.yaml:1: id: is missing"}},
		{"no UUID", []string{"id: 0b6f5a0e-", "id: "}, []string{"k3sedge.yaml:4: id: not a UUID"}},
		{"no provider", []string{"provider:\n  existing:\n", ""}, []string{"k3sedge.yaml:1: provider: is missing"}},
		{"empty provider", []string{"  existing:\n", ""}, []string{"k3sedge.yaml:5: provider: is missing"}},
	} {
		e.run(t, "existing.yaml")
	}
}

func TestValidateNetwork(t *testing.T) {
	t.Parallel()
	const inside = "k3sedge.yaml:18: network.gateway: "
	for _, e := range []edit{
		{"no network", []string{"  cidr: 10.0.0.0/24\n", ""}, []string{"k3sedge.yaml:16: network.cidr: is missing"}},
		{"no network at all", []string{"network:\n  cidr: 10.0.0.0/24\n  gateway: 10.0.0.1\n", ""},
			[]string{"k3sedge.yaml:1: network.cidr: is missing", "k3sedge.yaml:1: network.gateway: is missing"}},
		{"no gateway", []string{"  gateway: 10.0.0.1\n", ""}, []string{"k3sedge.yaml:16: network.gateway: is missing"}},
		{"gateway outside", []string{"gateway: 10.0.0.1", "gateway: 10.0.1.1"}, []string{inside + "not inside 10.0.0.0/24"}},
		{"gateway is the network", []string{"gateway: 10.0.0.1", "gateway: 10.0.0.0"}, []string{inside + "the network's own address"}},
		{"gateway is the broadcast", []string{"gateway: 10.0.0.1", "gateway: 10.0.0.255"}, []string{inside + "the network's broadcast address"}},
		{"mapped gateway", []string{"gateway: 10.0.0.1", "gateway: ::ffff:10.0.0.1"}, []string{inside + "not inside 10.0.0.0/24"}},
		{"host bits", []string{"10.0.0.0/24", "10.0.0.1/24"}, []string{"k3sedge.yaml:17: network.cidr: has bits set behind its length"}},
		{"too small", []string{"10.0.0.0/24", "10.0.0.12/32", "10.0.0.1\n", "10.0.0.12\n", "  - name: edge-1\n    address: 10.0.0.11\n", ""},
			[]string{"k3sedge.yaml:17: network.cidr: not the size of a LAN", "k3sedge.yaml:18: network.gateway: the network's own address", "k3sedge.yaml:26: nodes[0].address: the network's own address"}},
		{"pods", []string{"10.0.0.0/24", "10.0.0.0/8"}, []string{
			"k3sedge.yaml:29: k3s.podCIDR: 10.42.0.0/16 overlaps network.cidr",
			"k3sedge.yaml:29: k3s.serviceCIDR: 10.43.0.0/16 overlaps network.cidr"}},
		{"no pods in it", []string{"10.0.0.0/24", "10.0.0.0/8", "k3s:\n", ""}, nil},
		{"IPv6", []string{"10.0.0.0/24", "fd00::/64"}, []string{"k3sedge.yaml:17: network.cidr: not an IPv4 network"}},
		{"bad DNS", []string{"ssh:", "  dns: [127.0.0.1, 9.9.9.9, 'fe80::1%eth0', '']\nssh:"}, []string{
			"k3sedge.yaml:19: network.dns[0]: not the address of a server", "k3sedge.yaml:19: network.dns[2]: not the address of a server",
			"k3sedge.yaml:19: network.dns[3]: not the address of a server"}},
	} {
		e.run(t, "proxmox.yaml")
	}
}

func TestValidateNodes(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 64)
	third := "10.0.0.12\n    role: server\n  - name: edge-3\n    address: 10.0.0.13\n    role: "
	for _, e := range []edit{
		{"none", []string{"nodes:\n  - name: edge-1\n    address: 10.0.0.11\n  - name: edge-2\n    address: 10.0.0.12\n", "nodes: []\n"}, []string{"k3sedge.yaml:24: nodes: is missing"}},
		{"same name", []string{"edge-2", "edge-1"}, []string{"k3sedge.yaml:27: nodes[1].name: the same as nodes[0].name"}},
		{"same address", []string{"10.0.0.12", "10.0.0.11"}, []string{"k3sedge.yaml:28: nodes[1].address: the same as nodes[0].address"}},
		{"no name", []string{"name: edge-2\n    address", "address"}, []string{"k3sedge.yaml:27: nodes[1].name: is missing"}},
		{"long name", []string{"edge-2", long}, []string{"k3sedge.yaml:27: nodes[1].name: not a DNS label"}},
		{"name with underscore", []string{"edge-2", "edge_2"}, []string{"k3sedge.yaml:27: nodes[1].name: not a DNS label"}},
		{"name ends with dash", []string{"edge-2", "edge-"}, []string{"k3sedge.yaml:27: nodes[1].name: not a DNS label"}},
		{"no address", []string{"    address: 10.0.0.12\n", ""}, []string{"k3sedge.yaml:27: nodes[1].address: is missing"}},
		{"outside", []string{"10.0.0.12", "10.0.1.12"}, []string{"k3sedge.yaml:28: nodes[1].address: not inside 10.0.0.0/24"}},
		{"gateway", []string{"10.0.0.12", "10.0.0.1"}, []string{"k3sedge.yaml:28: nodes[1].address: the gateway's address"}},
		{"network", []string{"10.0.0.12", "10.0.0.0"}, []string{"k3sedge.yaml:28: nodes[1].address: the network's own address"}},
		{"broadcast", []string{"10.0.0.12", "10.0.0.255"}, []string{"k3sedge.yaml:28: nodes[1].address: the network's broadcast address"}},
		{"role", []string{"10.0.0.12", "10.0.0.12\n    role: master"}, []string{"k3sedge.yaml:29: nodes[1].role: not a role"}},
		{"two servers", []string{"10.0.0.12", "10.0.0.12\n    role: server"}, []string{"k3sedge.yaml:24: nodes: 2 servers: etcd stops when half of an even number is lost"}},
		{"no server", []string{"10.0.0.11", "10.0.0.11\n    role: agent"}, []string{"k3sedge.yaml:24: nodes: none is a server"}},
		{"three servers", []string{"10.0.0.12", third + "server"}, nil},
		{"server of three left out", []string{"10.0.0.12", third + "agent"}, []string{"k3sedge.yaml:24: nodes: 2 servers: etcd stops when half of an even number is lost"}},
		{"small server", []string{"10.0.0.11", "10.0.0.11\n    cpus: 1\n    memory: 2047MiB\n    disk: 8191MiB"}, []string{
			"k3sedge.yaml:27: nodes[0].cpus: less than 2, below the minimum of K3s", "k3sedge.yaml:28: nodes[0].memory: less than 2GiB, below the minimum of K3s",
			"k3sedge.yaml:29: nodes[0].disk: less than 8GiB"}},
		{"smallest agent", []string{"10.0.0.12", "10.0.0.12\n    cpus: 1\n    memory: 512MiB\n    disk: 8GiB"}, nil},
		{"small agent", []string{"10.0.0.12", "10.0.0.12\n    memory: 511MiB"}, []string{"k3sedge.yaml:29: nodes[1].memory: less than 512MiB, below the minimum of K3s"}},
		{"many CPUs", []string{"10.0.0.12", "10.0.0.12\n    cpus: 513"}, []string{"k3sedge.yaml:29: nodes[1].cpus: more than a VM can have"}},
		{"host key", []string{"10.0.0.12", "10.0.0.12\n    hostKey: ssh-ed25519 AAAA"}, []string{
			"k3sedge.yaml:29: nodes[1].hostKey: what follows the key's type is no such key: it was cut off or changed"}},
		{"good host key", []string{"10.0.0.12", "10.0.0.12\n    hostKey: " + publicKey("ssh-ed25519", 32)}, nil},
	} {
		e.run(t, "proxmox.yaml")
	}
}

// Sizes are of no concern where no machine is made.
func TestExistingNeedsNoSizes(t *testing.T) {
	t.Parallel()
	edit{"small", []string{"10.0.0.11", "10.0.0.11\n    cpus: 1\n    memory: 1MiB"}, nil}.run(t, "existing.yaml")
}

func TestServersHint(t *testing.T) {
	t.Parallel()
	for servers, want := range map[int]string{2: "make it 1 or 3 servers, the others agents", 4: "make it 3 or 5 servers, the others agents"} {
		if got := serversHint(servers); got != want {
			t.Errorf("hint for %d servers is %q, want %q", servers, got, want)
		}
	}
}
