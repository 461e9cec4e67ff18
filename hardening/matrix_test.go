package hardening

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/k3sedge/k3sedge/hardening/firewall"
	"github.com/k3sedge/k3sedge/inventory"
)

// The rendered ruleset does what the matrix says, on every kind of node, and
// no kernel is needed to find out.
func TestTheRenderedRulesetHoldsTheMatrix(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*inventory.Cluster){
		"as it is":       func(*inventory.Cluster) {},
		"one node":       func(c *inventory.Cluster) { c.Nodes = c.Nodes[:1] },
		"machines only":  func(c *inventory.Cluster) { c.K3s, c.Edge = nil, nil },
		"another port":   func(c *inventory.Cluster) { c.SSH.Port = 2222 },
		"a port of pods": func(c *inventory.Cluster) { c.SSH.Port = 8080 },
		"one admin":      func(c *inventory.Cluster) { c.SSH.AllowFrom = []netip.Prefix{netip.MustParsePrefix("10.0.0.5/32")} },
		"both families":  bothFamilies,
		"three servers": func(c *inventory.Cluster) {
			c.Nodes[1].Role = inventory.Server
			c.Nodes = append(c.Nodes, inventory.Node{Name: "node-3", Role: inventory.Server, Address: netip.MustParseAddr("10.0.0.13")})
		},
	} {
		c := testCluster()
		change(&c)
		for _, n := range c.Nodes {
			p, err := NewPolicy(c, n, nil)
			if err != nil {
				t.Fatal(err)
			}
			table, err := firewall.Parse(p.Ruleset)
			if err != nil {
				t.Fatal(err)
			}
			judge := table.Judge()
			for _, path := range p.Matrix() {
				if d := judge.Decide(path.Packet); d.Verdict != path.Want {
					t.Errorf("%s, %s: %s: %s, want %s: %s", name, n.Name, path, d.Verdict, path.Want, d.Why)
				}
			}
		}
	}
}

// bothFamilies gives nodes, pods and services addresses of IPv6 too.
func bothFamilies(c *inventory.Cluster) {
	c.Network.IPv6 = &inventory.Network6{CIDR: netip.MustParsePrefix("fd00:1::/64")}
	c.K3s.IPv6 = &inventory.K3sNetworks6{PodCIDR: netip.MustParsePrefix("fd42:42::/56"), ServiceCIDR: netip.MustParsePrefix("fd42:43::/112")}
	for i := range c.Nodes {
		a := netip.MustParseAddr(fmt.Sprintf("fd00:1::%d", 11+i))
		c.Nodes[i].Address6 = &a
	}
}

// Where pods have IPv6, every path of theirs is asked for there too, and the
// ruleset differs; each node still asks for its own share of services.
func TestPodsOfBothFamilies(t *testing.T) {
	t.Parallel()
	c := testCluster()
	bothFamilies(&c)
	p, err := NewPolicy(c, c.Nodes[0], nil)
	if err != nil {
		t.Fatal(err)
	}
	paths := map[string][]string{}
	for _, path := range p.Matrix() {
		if path.From == "pod" || path.From == "another node's pod" || path.From == "a forged address" || path.From == "node" {
			key := fmt.Sprintf("%s %s %s %s", path.From, path.Door, path.Port(), path.Want)
			family := map[bool]string{true: "6", false: "4"}[path.Packet.Src.Is6()]
			if !slices.Contains(paths[key], family) {
				paths[key] = append(paths[key], family)
			}
		}
	}
	if len(paths) < 10 {
		t.Fatalf("only %d paths of pods: %v", len(paths), paths)
	}
	for key, families := range paths {
		if len(families) != 2 && !strings.Contains(key, "etcd") {
			t.Errorf("%s: only IPv%s", key, families)
		}
	}
	if nodes := p.nodes(); len(nodes) != 2 || len(p.Peers) != 2 {
		t.Errorf("nodes %v, peers %v", nodes, p.Peers)
	}
	for a, want := range map[string]string{"fd42:42::9": "a pod's", "fd42:43::1": "a service's", "fd00:1::11": "a node's", "fd00:1::12": "a node's", "fd00:1::99": ""} {
		if got := innerAddress(netip.MustParseAddr(a), p); got != want {
			t.Errorf("%s is %q, want %q", a, got, want)
		}
	}
	packet := p.placed(firewall.Packet{Src: netip.MustParseAddr("fd42:42::9"), Dst: netip.MustParseAddr("fd00:1::11"), Proto: "tcp", DstPort: 10250})
	if packet.Iif != podBridge || !packet.Local {
		t.Errorf("a pod's packet is placed at %+v", packet)
	}
}

// Every kind of sender meets every kind of door, in both families.
func TestTheMatrixIsWhole(t *testing.T) {
	t.Parallel()
	p := testPolicy(t)
	seen := map[string]bool{}
	for _, path := range p.Matrix() {
		family := "IPv4"
		if overIPv6(path) {
			family = "IPv6"
		}
		seen[fmt.Sprintf("%s %s %s %s", family, path.From, path.Door, path.Port())] = true
		if path.Control == "" || path.String() == "" {
			t.Errorf("%+v", path)
		}
	}
	for _, from := range []string{"IPv4 outside", "IPv6 outside", "IPv4 admin", "IPv6 admin", "IPv4 node", "IPv4 LAN", "IPv4 API client", "IPv4 web client"} {
		for _, door := range []string{
			"web tcp/80", "web tcp/443", "API tcp/6443", "kubelet tcp/10250", "VXLAN udp/8472", "etcd tcp/2379", "etcd tcp/2380", "image sharing tcp/5001", "WireGuard udp/51820",
			"NodePort tcp/30000", "NodePort udp/32767", "hostPort or ServiceLB tcp/8080", "DNS udp/53", "any other port tcp/9100", "any other port udp/5353",
		} {
			if !seen[from+" "+door] {
				t.Errorf("nobody asks for %s from %s", door, from)
			}
		}
		if !strings.HasPrefix(from, "IPv4 API") && !strings.HasPrefix(from, "IPv4 web") && from != "IPv4 node" && !seen[from+" SSH tcp/22"] {
			t.Errorf("nobody asks for SSH from %s", from)
		}
	}
	for _, path := range []string{
		"IPv4 pod the node tcp/10250", "IPv4 pod the LAN tcp/8080", "IPv4 LAN a pod tcp/8080", "IPv6 outside a pod tcp/8080", "IPv6 outside ICMPv6 type 135 icmpv6 135",
		"IPv4 outside ICMP type 3 icmp 3", "IPv4 a forged address web tcp/443", "IPv6 the node itself loopback tcp/10248",
	} {
		if !seen[path] {
			t.Errorf("nobody asks for %s", path)
		}
	}
}

// The agent knows the interfaces, so it is not told a made-up one.
func TestWhatTheAgentIsAsked(t *testing.T) {
	t.Parallel()
	p := testPolicy(t)
	asked := p.doubted()
	if len(asked) != len(p.paths(open)) || len(asked) == 0 {
		t.Fatalf("%d packets for %d paths", len(asked), len(p.paths(open)))
	}
	if slices.ContainsFunc(asked, func(q firewall.Packet) bool { return q.Iif == uplink || q.Oif == uplink }) {
		t.Errorf("a made-up interface: %+v", asked)
	}
}
