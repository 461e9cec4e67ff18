package cloudflare

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/k3sedge/k3sedge/inventory"
)

func TestDesired(t *testing.T) {
	t.Parallel()
	wildcard := lan("any")
	wildcard.Host = "*.any." + testZone
	services := []inventory.Service{public("wiki"), lan("nas"), wildcard, public("git")}
	for _, mode := range []inventory.EdgeMode{inventory.EdgeTunnel, inventory.EdgePortForward, inventory.EdgeLAN} {
		c := testCluster(mode)
		golden(t, "records-"+string(mode), Records(c, services, target(tunnelUUID)))
		golden(t, "rules-"+string(mode), Rules(c, services))
	}
}

func TestARecordForEachFamily(t *testing.T) {
	t.Parallel()
	c := testCluster(inventory.EdgeTunnel)
	six := netip.MustParseAddr("fd00::12")
	c.Nodes[1].Address6 = &six
	got := Records(c, []inventory.Service{lan("nas")}, "")
	if len(got) != 3 || got[0].Type != "A" || got[2].Type != "AAAA" || got[2].Content != "fd00::12" || got[2].Proxied {
		t.Errorf("%v", got)
	}
	c = testCluster(inventory.EdgePortForward)
	c.Edge.PublicAddresses = []netip.Addr{netip.MustParseAddr("203.0.113.7"), netip.MustParseAddr("2001:db8::7")}
	got = Records(c, []inventory.Service{public("git")}, "")
	if texts(got) != "A 203.0.113.7 (proxied), AAAA 2001:db8::7 (proxied)" || Note(c, public("git")) != "" {
		t.Errorf("%s, %q", texts(got), Note(c, public("git")))
	}
}

func TestWithoutCloudflareNothingIsWanted(t *testing.T) {
	t.Parallel()
	c := testCluster(inventory.EdgeTunnel)
	c.Edge.Cloudflare = nil
	if r, u := Records(c, []inventory.Service{public("git")}, "x"), Rules(c, []inventory.Service{public("git")}); len(r)+len(u) > 0 {
		t.Errorf("%v, %v", r, u)
	}
	run := Observe(Config{Cluster: c}, nil)
	if n := len(slices.Concat(run.Tunnel(), run.Withdraw(), run.Publish())); n > 0 {
		t.Errorf("%d stages", n)
	}
}

func TestMarks(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 58)
	if mark := recordMark(clusterID, long); utf8.RuneCountInString(mark) > maxComment || !strings.HasPrefix(mark, "k3sedge:"+clusterID+"/aaa") {
		t.Errorf("%q", mark)
	}
	r := Rule{OriginRequest: &Origin{ruleMark(clusterID, "git")}}
	if r.owner(clusterID) != "git" || r.owner(anotherID) != "" || (Rule{}).owner(clusterID) != "" {
		t.Errorf("%q", r.OriginRequest.OriginServerName)
	}
}

func TestNotes(t *testing.T) {
	t.Parallel()
	wildcard := lan("any")
	wildcard.Host = "*." + testZone
	for _, tc := range []struct {
		mode    inventory.EdgeMode
		service inventory.Service
		want    string
	}{
		{inventory.EdgeTunnel, public("git"), ""},
		{inventory.EdgePortForward, lan("git"), ""},
		{inventory.EdgePortForward, public("git"), "public address of your router"},
		{inventory.EdgeLAN, wildcard, "no record is made for the wildcard"},
	} {
		if got := Note(testCluster(tc.mode), tc.service); !strings.Contains(got, tc.want) || (got == "") != (tc.want == "") {
			t.Errorf("%s %s: %q", tc.mode, tc.service.Host, got)
		}
	}
	if got := Note(inventory.Cluster{}, wildcard); got != "" {
		t.Errorf("%q", got)
	}
}
