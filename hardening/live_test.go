package hardening

import (
	"net/netip"
	"testing"

	"github.com/k3sedge/k3sedge/hardening/firewall"
)

func TestDecideRenderedFindsTheInterface(t *testing.T) {
	t.Parallel()
	p := testPolicy(t)
	packet := func(src, dst string, port uint16) firewall.Packet {
		return firewall.Packet{Src: netip.MustParseAddr(src), Dst: netip.MustParseAddr(dst), Proto: "tcp", DstPort: port}
	}
	for name, c := range map[string]struct {
		packet firewall.Packet
		want   firewall.Verdict
	}{
		"an admin":             {packet("10.0.0.5", "10.0.0.11", 22), firewall.Accepted},
		"a stranger":           {packet("203.0.113.5", "10.0.0.11", 22), firewall.Dropped},
		"a NodePort":           {packet("10.0.0.5", "10.0.0.11", 30080), firewall.Dropped},
		"a pod to its node":    {packet("10.42.0.9", "10.0.0.11", 10250), firewall.Accepted},
		"a pod to the LAN":     {packet("10.42.0.9", "10.0.0.99", 443), firewall.Accepted},
		"a stranger to a pod":  {packet("203.0.113.5", "10.42.0.9", 8080), firewall.Dropped},
		"a stranger over IPv6": {packet("2001:db8::5", "fd00:1::11", 443), firewall.Dropped},
	} {
		got, err := DecideRendered(p, []firewall.Packet{c.packet})
		if err != nil || got[0].Verdict != c.want || got[0].Why == "" {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	p.Ruleset = "nonsense"
	if got, err := DecideRendered(p, nil); err == nil {
		t.Errorf("a ruleset of nonsense: %+v", got)
	}
}
