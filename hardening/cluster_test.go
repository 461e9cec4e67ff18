package hardening

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/k3sedge/k3sedge/hardening/facts"
	"github.com/k3sedge/k3sedge/inventory"
)

// rows are the open ports as facts: protocol, port, sources.
func rows(p Policy) []string {
	var out []string
	for _, open := range p.open() {
		out = append(out, strings.TrimSpace(fmt.Sprintf("%s/%d %s", open.Proto, open.Port, prefixes(open.Sources))))
	}
	slices.Sort(out)
	return out
}

func TestOpenPorts(t *testing.T) {
	t.Parallel()
	const web = "10.0.0.0/23, 192.168.7.0/24"
	tests := map[string]struct {
		change func(*inventory.Cluster)
		node   int
		want   []string
	}{
		"server": {node: 0, want: []string{
			"tcp/10250 10.0.0.12/32", "tcp/443 " + web, "tcp/6443 10.0.0.12/32, 10.0.1.8/32", "tcp/80 " + web, "udp/8472 10.0.0.12/32",
		}},
		"agent": {node: 1, want: []string{
			"tcp/10250 10.0.0.11/32", "tcp/443 " + web, "tcp/80 " + web, "udp/8472 10.0.0.11/32",
		}},
		"one node": {change: func(c *inventory.Cluster) { c.Nodes, c.K3s.AllowFrom = c.Nodes[:1], nil }, want: []string{
			"tcp/443 " + web, "tcp/80 " + web,
		}},
		"three servers": {change: func(c *inventory.Cluster) {
			c.Nodes[1].Role = inventory.Server
			c.Nodes = append(c.Nodes, inventory.Node{Name: "node-3", Role: inventory.Server, Address: netip.MustParseAddr("10.0.0.13")})
			c.Edge, c.K3s.AllowFrom = nil, nil
		}, want: []string{
			"tcp/10250 10.0.0.12/32, 10.0.0.13/32", "tcp/2379 10.0.0.12/32, 10.0.0.13/32", "tcp/2380 10.0.0.12/32, 10.0.0.13/32",
			"tcp/443 10.0.0.0/23", "tcp/6443 10.0.0.12/32, 10.0.0.13/32", "tcp/80 10.0.0.0/23", "udp/8472 10.0.0.12/32, 10.0.0.13/32",
		}},
		"machines only": {change: func(c *inventory.Cluster) { c.K3s, c.Edge = nil, nil }, want: nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := testCluster()
			if tt.change != nil {
				tt.change(&c)
			}
			p, err := NewPolicy(c, c.Nodes[tt.node], nil)
			if err != nil {
				t.Fatal(err)
			}
			if got := rows(p); !slices.Equal(got, tt.want) {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}

func TestPublishedSourcesReachTheWebOnly(t *testing.T) {
	t.Parallel()
	c := testCluster()
	published := []netip.Prefix{netip.MustParsePrefix("173.245.48.0/20"), netip.MustParsePrefix("2400:cb00::/32")}
	p, err := NewPolicy(c, c.Nodes[0], published)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows(p) {
		web := strings.HasPrefix(row, "tcp/80 ") || strings.HasPrefix(row, "tcp/443 ")
		if strings.Contains(row, "173.245.48.0/20, 2400:cb00::/32") != web {
			t.Errorf("%s", row)
		}
	}
}

func TestControlsOnK3sDoNotApplyToMachinesOnly(t *testing.T) {
	t.Parallel()
	p := testPolicy(t)
	f := hardened(t, p)
	p.Cluster = nil
	for _, finding := range Judge(f, p).Findings {
		cluster := slices.ContainsFunc(append(clusterControls(), k3sControls()...), func(c Control) bool { return c.ID == finding.ID })
		if cluster != (finding.Status == NotApplicable) && finding.ID != "FW-16" && finding.ID != "KRN-10" && !strings.HasPrefix(finding.ID, "EDG-") {
			t.Errorf("%s is %s", finding.ID, finding.Status)
		}
	}
	if text := sysctlText(f, p); strings.Contains(text, "vm.") || !strings.Contains(text, "ip_forward") {
		t.Errorf("settings of machines without K3s:\n%s", text)
	}
}

// In a container the kubelet's settings are somebody else's: nothing is to be done.
func TestSettingsOfAContainersHostAreNotMended(t *testing.T) {
	t.Parallel()
	p := testPolicy(t)
	f := hardened(t, p)
	for _, s := range sysctlSettings() {
		if s.control == "KRN-10" {
			f.Sysctls[s.key] = facts.Sysctl{Value: "7", ReadOnly: true}
		}
	}
	if plan := PlanFor(f, p); !plan.Empty() || len(plan.Blocked) > 0 {
		t.Errorf("plan %+v", plan)
	}
}
