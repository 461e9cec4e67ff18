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
