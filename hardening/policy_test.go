package hardening

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/k3sedge/k3sedge/hardening/agent"
	"github.com/k3sedge/k3sedge/inventory"
)

func TestAPolicyComesFromTheInventory(t *testing.T) {
	t.Parallel()
	c := testCluster()
	p, err := NewPolicy(c, c.Nodes[0], nil)
	if err != nil {
		t.Fatal(err)
	}
	if p.Admin != "admin" || p.SSHPort != 22 || !slices.Equal(p.Keys, []string{adminPrint}) || p.Window != DefaultWindow || p.Agents != (agent.Embedded{}) {
		t.Errorf("policy %+v", p)
	}
	if !slices.Equal(p.Peers, []netip.Addr{c.Nodes[1].Address}) || p.Address != c.Nodes[0].Address {
		t.Errorf("address %s, peers %s", p.Address, p.Peers)
	}
	if got := strings.Join(p.Sources(), " "); got != "10.0.0.1 10.0.0.11 203.0.113.7 2001:db8:ffff::7" {
		t.Errorf("sources %s", got)
	}
	if !strings.Contains(p.Ruleset, "10.0.0.0/24 . 22") || !strings.Contains(p.Ruleset, "fd00:1::/64 . 22") {
		t.Errorf("ruleset:\n%s", p.Ruleset)
	}
}

func TestASlowHostHasLongerToProveALogin(t *testing.T) {
	t.Parallel()
	p := Policy{Window: DefaultWindow}
	for took, want := range map[time.Duration]time.Duration{
		0: time.Minute, 300 * time.Millisecond: time.Minute, 6 * time.Second: time.Minute,
		18*time.Second + 10*time.Millisecond: 144 * time.Second, time.Hour: 10 * time.Minute,
	} {
		if got := p.windowFor(took); got != want {
			t.Errorf("a look of %s: a window of %s, want %s", took, got, want)
		}
	}
}

func TestAPolicyThatWouldLockOutIsRefused(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		change func(*inventory.Cluster)
		hint   string
	}{
		"root":      {func(c *inventory.Cluster) { c.SSH.User = "root" }, "ssh.user"},
		"nobody":    {func(c *inventory.Cluster) { c.SSH.User = "" }, "ssh.user"},
		"nowhere":   {func(c *inventory.Cluster) { c.SSH.AllowFrom = nil }, "ssh.allowFrom"},
		"no port":   {func(c *inventory.Cluster) { c.SSH.Port = 0 }, "ssh.port"},
		"no node":   {func(c *inventory.Cluster) { c.Nodes[0].Address = netip.Addr{} }, "nodes[].address"},
		"no key":    {func(c *inventory.Cluster) { c.SSH.AuthorizedKeys = []string{"file:key.pub"} }, "ssh.authorizedKeys"},
		"bad range": {func(c *inventory.Cluster) { c.SSH.AllowFrom = append(c.SSH.AllowFrom, netip.Prefix{}) }, ""},
	}
	for name, tt := range tests {
		c := testCluster()
		tt.change(&c)
		if _, err := NewPolicy(c, c.Nodes[0], nil); err == nil || !strings.Contains(hintOf(err), tt.hint) {
			t.Errorf("%s: error %v, hint %q", name, err, hintOf(err))
		}
	}
}
