package cli

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"

	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/machine/look"
)

func TestWhatCountsAsAnAnswer(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		answer        look.DialAnswer
		usual, forced bool
		told, advice  string
	}{
		"a page":                      {look.DialAnswer{Outcome: look.Answered, Status: 200}, true, true, "200 OK", ""},
		"a login":                     {look.DialAnswer{Outcome: look.Answered, Status: 401}, true, true, "401 Unauthorized", ""},
		"the application's own fault": {look.DialAnswer{Outcome: look.Answered, Status: 500}, true, true, "500 Internal Server Error", ""},
		"no route":                    {look.DialAnswer{Outcome: look.Answered, Status: 404}, false, false, "404 Not Found", "127.0.0.1:8080/api/http/routers"},
		"the application's own 404": {look.DialAnswer{Outcome: look.Answered, Status: 404, Header: map[string]string{"Strict-Transport-Security": "max-age=1"}},
			true, true, "404 Not Found", ""},
		"no server":        {look.DialAnswer{Outcome: look.Answered, Status: 502}, false, true, "502 Bad Gateway", "does not answer Traefik"},
		"no Traefik":       {look.DialAnswer{Outcome: look.Refused}, false, false, "refused", "k3sedge status"},
		"no way":           {look.DialAnswer{Outcome: look.TimedOut}, false, false, "timed out", "k3sedge status"},
		"no certificate":   {look.DialAnswer{Outcome: look.Broken}, false, false, "broken", "a secret git-tls in namespace edge-git"},
		"nobody was asked": {look.DialAnswer{}, false, false, "", ""},
	} {
		advice := adviceFor(tc.answer, inventory.Service{Name: "git"})
		usual, forced := served([]look.DialAnswer{tc.answer}, false), served([]look.DialAnswer{tc.answer}, true)
		if usual != tc.usual || forced != tc.forced || told(tc.answer) != tc.told || !strings.Contains(advice, tc.advice) {
			t.Errorf("%s: served %v, forced %v, %q, %q", name, usual, forced, told(tc.answer), advice)
		}
	}
}

func TestAPublicServiceIsServedBothWays(t *testing.T) {
	t.Parallel()
	page, none := look.DialAnswer{Outcome: look.Answered, Status: 200}, look.DialAnswer{Outcome: look.Answered, Status: 404}
	for _, tc := range []struct {
		lan, tunnel look.DialAnswer
		want        bool
	}{{page, page, true}, {page, none, false}, {none, page, false}} {
		if got := servedBoth([]look.DialAnswer{tc.lan, tc.tunnel}, false); got != tc.want {
			t.Errorf("LAN %s, tunnel %s: %v", told(tc.lan), told(tc.tunnel), got)
		}
	}
	st := &site{}
	st.project.Cluster.Edge = &inventory.Edge{Mode: inventory.EdgeTunnel}
	if !st.throughTunnel(inventory.Service{Expose: inventory.ExposePublic}) || st.throughTunnel(inventory.Service{Expose: inventory.ExposeLAN}) {
		t.Error("a public service comes through the tunnel, and no other")
	}
}

func TestWhatCountsAsHandedOver(t *testing.T) {
	t.Parallel()
	cert := func(sum string) *look.Cert { return &look.Cert{SHA256: sum, Subject: "CN=" + sum, Issuer: "CN=ca"} }
	servers := []look.DialAnswer{{Outcome: look.Answered, Cert: cert("first")}, {Outcome: look.Answered, Cert: cert("second")}}
	for name, tc := range map[string]struct {
		edge          look.DialAnswer
		usual, forced bool
		told, advice  string
	}{
		"the first's":        {look.DialAnswer{Outcome: look.Answered, Cert: cert("first")}, true, true, "shows the certificate of CN=first", ""},
		"the second's":       {look.DialAnswer{Outcome: look.Answered, Cert: cert("second")}, true, true, "shows the certificate of CN=second", ""},
		"the edge's own":     {look.DialAnswer{Outcome: look.Answered, Cert: cert("edge")}, false, false, "shows the certificate of CN=edge", "certificate of CN=edge by CN=ca, which none of the servers shows"},
		"no route":           {look.DialAnswer{Outcome: look.Broken, Alert: "tls: unrecognized name"}, false, false, "broken", "127.0.0.1:8080/api/tcp/routers"},
		"no server":          {look.DialAnswer{Outcome: look.Broken}, false, true, "broken", "does not answer Traefik"},
		"a server far away":  {look.DialAnswer{Outcome: look.TimedOut}, false, true, "timed out", "does not answer Traefik"},
		"no Traefik":         {look.DialAnswer{Outcome: look.Refused}, false, false, "refused", "k3sedge status"},
		"no way to the node": {look.DialAnswer{Outcome: look.Unreachable}, false, false, "unreachable", "k3sedge status"},
	} {
		answers := append([]look.DialAnswer{tc.edge}, servers...)
		usual, forced := handedOver(answers, false), handedOver(answers, true)
		advice := passthroughAdvice(tc.edge, inventory.Service{Host: "git.example.org"})
		if usual != tc.usual || forced != tc.forced || told(tc.edge) != tc.told || !strings.Contains(advice, tc.advice) {
			t.Errorf("%s: served %v, forced %v, %q, %q", name, usual, forced, told(tc.edge), advice)
		}
	}
	back := look.DialAnswer{Outcome: look.Answered, Status: 200, Cert: cert("first")}
	if takenBack(append([]look.DialAnswer{back}, servers...), false) {
		t.Error("the server's own answer is taken for the edge's")
	}
	back.Header = map[string]string{"Strict-Transport-Security": "max-age=1"}
	if !takenBack(append([]look.DialAnswer{back}, servers...), false) || !takenBack(append([]look.DialAnswer{{Outcome: look.Answered, Status: 200, Cert: cert("edge")}}, servers...), false) {
		t.Error("the edge's answer is not taken for one")
	}
	s := inventory.Service{Allow: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/24")}}
	if shutOut(inventory.Service{}, netip.MustParseAddr("10.0.0.11")) || shutOut(s, netip.MustParseAddr("10.0.0.11")) || !shutOut(s, netip.MustParseAddr("10.0.1.11")) {
		t.Error("a node in allow is shut out, or one beside it is not")
	}
	if handedOver([]look.DialAnswer{{Outcome: look.Answered}, {Outcome: look.Answered}}, false) {
		t.Error("two answers without certificates are the same")
	}
}

func TestAddedNamesEachNode(t *testing.T) {
	t.Parallel()
	for output, want := range map[string]string{
		"text": "https://git.example.org/ answers at 10.0.0.11\nhttps://git.example.org/ answers at 10.0.0.12\n",
		"json": `{"kind":"service","name":"git","url":"https://git.example.org/","via":["10.0.0.11","10.0.0.12"]}` + "\n",
	} {
		var out bytes.Buffer
		st := &site{streams: testStreams(&out, nil), project: inventory.Project{Cluster: inventory.Cluster{Nodes: testNodes("edge-1", "edge-2")}}}
		if err := st.printAdded(output, inventory.Service{Name: "git", Host: "git.example.org"}); err != nil || out.String() != want {
			t.Errorf("%s: %q, %v", output, out.String(), err)
		}
	}
}

func TestAnswersAskEveryNode(t *testing.T) {
	t.Parallel()
	st := &site{project: inventory.Project{Cluster: inventory.Cluster{Nodes: testNodes("edge-1", "edge-2")}}}
	if tracks := st.answers(awaited{}).Tracks; len(tracks) != 2 {
		t.Errorf("%d nodes are asked, want 2", len(tracks))
	}
	c := inventory.Cluster{SSH: inventory.SSH{User: "admin", Port: 2222}, K3s: &inventory.K3s{}, Nodes: testNodes("edge-1", "edge-2")}
	c.Nodes[1].Role = inventory.Server
	server, tunnel := apiAddress(c)
	if server != "https://127.0.0.1:6443" || tunnel != "ssh -N -L 6443:127.0.0.1:6443 -p 2222 admin@10.0.0.12" {
		t.Errorf("closed: %s, %s", server, tunnel)
	}
	c.K3s.AllowFrom = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/24")}
	if server, tunnel := apiAddress(c); server != "https://10.0.0.12:6443" || tunnel != "" {
		t.Errorf("open: %s, %s", server, tunnel)
	}
}
