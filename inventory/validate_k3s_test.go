package inventory

import (
	"path/filepath"
	"reflect"
	"testing"

	"go.yaml.in/yaml/v3"
)

func TestDefaultsOfK3s(t *testing.T) {
	t.Parallel()
	f := newFolder(t, "existing.yaml")
	for _, k3s := range []string{"k3s:", "k3s: {}", "k3s: {podCIDR: ''}\nedge:", "k3s: {}\nedge: {}"} {
		f.write("k3sedge.yaml", testdata(t, "existing.yaml"), 0o644)
		f.replace("k3s:", k3s)
		c := f.mustLoad().Cluster
		if c.K3s == nil || c.K3s.Version != "" || c.K3s.PodCIDR.String() != "10.42.0.0/16" || c.K3s.ServiceCIDR.String() != "10.43.0.0/16" {
			t.Errorf("%s is %+v", k3s, c.K3s)
		}
		if c.Edge == nil || !reflect.DeepEqual(*c.Edge, Edge{Mode: EdgeLAN, RateLimit: "100/s:200", TunnelRateLimit: "50/s:100"}) {
			t.Errorf("%s has the edge %+v", k3s, c.Edge)
		}
	}
	f.replace("k3s: {}\nedge: {}\n", "")
	if c := f.mustLoad().Cluster; c.K3s != nil || c.Edge != nil {
		t.Errorf("without k3s there is %+v, %+v", c.K3s, c.Edge)
	}
}

// The encoder takes a network for an empty struct; none may be lost.
func TestClusterIsEncodedWhole(t *testing.T) {
	t.Parallel()
	f := newFolder(t, "proxmox.yaml")
	f.write("bundle/k3s", "a program", 0o755)
	f.replace("k3s:", `k3s:
  version: v1.35.5-rc1+k3s1
  bundle: bundle
  binary: file:bundle/k3s
  podCIDR: 172.20.0.0/16
  serviceCIDR: 172.21.0.0/24
  tlsSANs: [k3s.lan, 10.0.0.10, 'fd00::1']
  allowFrom: [10.0.0.0/24]
edge: {mode: portforward, rateLimit: 6000/m:1, tunnelRateLimit: off}`)
	c := f.mustLoad().Cluster
	if c.K3s.Bundle != filepath.Join(f.path, "bundle") || c.K3s.Binary != "file:"+filepath.Join(f.path, "bundle/k3s") {
		t.Errorf("paths are %s and %s", c.K3s.Bundle, c.K3s.Binary)
	}
	for _, c := range []Cluster{c, {APIVersion: APIVersion, K3s: &K3s{}}} {
		data, err := yaml.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		var again Cluster
		found := newFindings("k3sedge.yaml")
		decode(parse(data, found), &again, found)
		again.Provider.Existing = c.Provider.Existing
		if len(found.problems) > 0 || !reflect.DeepEqual(again.K3s, c.K3s) || !reflect.DeepEqual(again.Edge, c.Edge) || again.Network.CIDR != c.Network.CIDR {
			t.Errorf("%s\nis read back as %+v, %+v, %v", data, again.K3s, again.Edge, found.problems)
		}
	}
}

// Nodes, pods and services have addresses of IPv6, all or none.
func TestValidateIPv6(t *testing.T) {
	t.Parallel()
	const lan, nodes = "  ipv6: {cidr: 'fd00:1::/64', gateway: 'fe80::1'}\n", "10.0.0.12\n    address6: fd00:1::12"
	at := func(name, network, first, k3s string, want ...string) edit {
		pairs := []string{"10.0.0.12", nodes, "10.0.0.11", "10.0.0.11" + first, "k3s:", "k3s: {ipv6: {" + k3s + "}}"}
		if network != "" {
			pairs = append(pairs, "ssh:", network+"ssh:")
		}
		var out []string
		for _, w := range want {
			out = append(out, "k3sedge.yaml:"+w)
		}
		return edit{name, pairs, out}
	}
	const one = "\n    address6: fd00:1::11"
	for _, e := range []edit{
		at("good", lan, one, ""),
		at("other networks", lan, one, "podCIDR: 'fd99::/48', serviceCIDR: 'fd98::/108'"),
		at("no LAN", "", one, "", "27: nodes[0].address6: needs network.ipv6", "30: nodes[1].address6: needs network.ipv6",
			"31: k3s.ipv6: needs network.ipv6: pods of other nodes are reached by the nodes' own addresses"),
		at("not all", lan, "", "", "26: nodes[0].address6: is missing"),
		at("twice", lan, "\n    address6: fd00:1::12", "", "31: nodes[1].address6: the same as nodes[0].address6"),
		at("outside", lan, "\n    address6: fd00:2::11", "", "28: nodes[0].address6: not inside fd00:1::/64"),
		at("router", lan, "\n    address6: 'fd00:1::'", "", "28: nodes[0].address6: the router's address"),
		at("LAN of IPv4", "  ipv6: {cidr: 10.0.0.0/24}\n", one, "", "19: network.ipv6.cidr: not an IPv6 network for machines",
			"28: nodes[0].address6: not inside 10.0.0.0/24", "31: nodes[1].address6: not inside 10.0.0.0/24"),
		at("no cidr", "  ipv6: {}\n", one, "", "19: network.ipv6.cidr: is missing"),
		at("gateway elsewhere", "  ipv6: {cidr: 'fd00:1::/64', gateway: 'fd00:2::1'}\n", one, "", "19: network.ipv6.gateway: not inside fd00:1::/64"),
		at("pods in the LAN", lan, one, "podCIDR: 'fd00:1::/56'", "32: k3s.ipv6.podCIDR: fd00:1::/56 overlaps network.ipv6.cidr"),
		at("sizes", lan, one, "podCIDR: 'fd99::/40', serviceCIDR: 'fd98::/64'", "32: k3s.ipv6.podCIDR: not a size for the pods' network", "32: k3s.ipv6.serviceCIDR: not a size for the services' network"),
		at("one node's pods", lan, one, "podCIDR: 'fd99::/64'", "32: k3s.ipv6.podCIDR: room for 1 nodes, but there are 2"),
		at("services in the pods", lan, one, "serviceCIDR: 'fd42:42::/112'", "32: k3s.ipv6.serviceCIDR: overlaps k3s.ipv6.podCIDR"),
		at("IPv4", lan, one, "podCIDR: 10.42.0.0/16", "32: k3s.ipv6.podCIDR: not an IPv6 network for machines", "32: k3s.ipv6.podCIDR: not a size for the pods' network"),
	} {
		e.run(t, "proxmox.yaml")
	}
	f := newFolder(t, "existing.yaml")
	f.replace("ssh:", "  ipv6: {cidr: 'fd00:1::/64'}\nssh:", "10.0.0.11", "10.0.0.11\n    address6: fd00:1::11", "k3s:", "k3s: {ipv6: {}}")
	f.write("services/git.yaml", testdata(t, "service.yaml")+"  - '[fd42:42::9]:80'\n  - '[fd42:43::9]:80'\n  - '[fd00:1::11]:443'\n", 0o644)
	f.expect("services/git.yaml:7: to[1]: inside k3s.ipv6.podCIDR, which is the cluster's own", "services/git.yaml:8: to[2]: inside k3s.ipv6.serviceCIDR, which is the cluster's own",
		"services/git.yaml:9: to[3]: the edge itself: requests would go round in a circle")
}

func TestValidateK3s(t *testing.T) {
	t.Parallel()
	const k, version = "k3s:", "k3sedge.yaml:29: k3s.version: "
	const pods, services = "k3sedge.yaml:29: k3s.podCIDR: ", "k3sedge.yaml:29: k3s.serviceCIDR: "
	for _, e := range []edit{
		{"version", []string{k, "k3s: {version: v1.35.4+lab1}"}, nil},
		{"latest", []string{k, "k3s: {version: latest}"}, []string{version + "a channel, which changes by itself"}},
		{"channel", []string{k, "k3s: {version: v1.35}"}, []string{version + "a channel, which changes by itself"}},
		{"Kubernetes", []string{k, "k3s: {version: v1.35.5}"}, []string{version + "not a release of K3s"}},
		{"no v", []string{k, "k3s: {version: 1.35.5+k3s1}"}, []string{version + "not a release of K3s"}},
		{"image tag", []string{k, "k3s: {version: v1.35.5-k3s1}"}, []string{version + "not a release of K3s"}},
		{"path", []string{k, "k3s: {version: v1.35.5+k3s1/../x}"}, []string{version + "not a release of K3s"}},
		{"no bundle", []string{k, "k3s: {bundle: b}"}, []string{"k3sedge.yaml:29: k3s.bundle: b: no such file or directory"}},
		{"bundle is a file", []string{k, "k3s: {bundle: keys/admin.pub}"}, []string{"k3sedge.yaml:29: k3s.bundle: keys/admin.pub is not a folder"}},
		{"binary without file:", []string{k, "k3s: {binary: keys/admin.pub}"}, []string{"k3sedge.yaml:29: k3s.binary: not file:PATH"}},
		{"no binary", []string{k, "k3s: {binary: file:k3s}"}, []string{"k3sedge.yaml:29: k3s.binary: k3s: no such file or directory"}},
		{"binary is a folder", []string{k, "k3s: {binary: file:keys}"}, []string{"k3sedge.yaml:29: k3s.binary: keys is not a program"}},
		{"pods are no network", []string{k, "k3s: {podCIDR: ten}"}, []string{pods + "not a network"}},
		{"pods with host bits", []string{k, "k3s: {podCIDR: 172.20.0.1/16}"}, []string{pods + "has bits set behind its length"}},
		{"pods with IPv6", []string{k, "k3s: {podCIDR: 'fd00::/56'}"}, []string{pods + "not an IPv4 network for machines"}},
		{"pods of loopback", []string{k, "k3s: {podCIDR: 127.0.0.0/16}"}, []string{pods + "not an IPv4 network for machines"}},
		{"small pods", []string{k, "k3s: {podCIDR: 172.20.0.0/25}"}, []string{pods + "not a size for the pods' network"}},
		{"one node's pods", []string{k, "k3s: {podCIDR: 172.20.0.0/24}"}, []string{pods + "room for 1 nodes, but there are 2"}},
		{"two nodes' pods", []string{k, "k3s: {podCIDR: 172.20.0.0/23}"}, nil},
		{"pods in the LAN", []string{k, "k3s: {podCIDR: 10.0.0.0/16}"}, []string{pods + "10.0.0.0/16 overlaps network.cidr"}},
		{"services in the LAN", []string{k, "k3s: {serviceCIDR: 10.0.0.128/25}"}, []string{services + "10.0.0.128/25 overlaps network.cidr"}},
		{"services in the pods", []string{k, "k3s: {serviceCIDR: 10.42.255.0/24}"}, []string{services + "overlaps k3s.podCIDR"}},
		{"large services", []string{k, "k3s: {serviceCIDR: 172.0.0.0/11}"}, []string{services + "not a size for the services' network"}},
		{"small services", []string{k, "k3s: {serviceCIDR: 172.16.0.0/29}"}, []string{services + "not a size for the services' network"}},
		{"names", []string{k, "k3s: {tlsSANs: [a.lan, 'https://a', 127.0.0.1, a.lan, '*.lan']}"}, []string{
			"k3sedge.yaml:29: k3s.tlsSANs[1]: neither a host name nor an address", "k3sedge.yaml:29: k3s.tlsSANs[2]: neither a host name nor an address",
			"k3sedge.yaml:29: k3s.tlsSANs[3]: the same as k3s.tlsSANs[0]", "k3sedge.yaml:29: k3s.tlsSANs[4]: neither a host name nor an address"}},
		{"sources", []string{k, "k3s: {allowFrom: [10.0.0.7/24]}"}, []string{"k3sedge.yaml:29: k3s.allowFrom[0]: has bits set behind its length"}},
		{"edge", []string{k, "k3s:\nedge: {mode: tunel, rateLimit: 100/d:1, tunnelRateLimit: '0/s:1', allowFrom: [10.9.0.0]}"}, []string{
			"k3sedge.yaml:30: edge.allowFrom[0]: not a network",
			"k3sedge.yaml:30: edge.mode: not one of lan, portforward, tunnel", "k3sedge.yaml:30: edge.rateLimit: not a rate limit",
			"k3sedge.yaml:30: edge.tunnelRateLimit: not a rate limit"}},
		{"text for the edge", []string{k, "k3s:\nedge: lan"}, []string{"k3sedge.yaml:30: edge: keys with values are expected here, not text"}},
		{"text for K3s", []string{k, "k3s: v1.35.5+k3s1"}, []string{"k3sedge.yaml:29: k3s: keys with values are expected here, not text"}},
	} {
		e.run(t, "proxmox.yaml")
	}
	empty := newFolder(t, "existing.yaml")
	empty.replace("k3s:", "k3s: {binary: file:k3s}")
	empty.write("k3s", "", 0o755)
	empty.expect("k3sedge.yaml:16: k3s.binary: k3s is not a program")
}
