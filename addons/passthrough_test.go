package addons

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/k3sedge/k3sedge/addons/object"
	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/machine/look"
)

// kindsOf are the kinds in a service's namespace.
func kindsOf(paths []string) []string {
	var out []string
	for _, p := range paths {
		if parts := strings.Split(p, "/"); len(parts) > 5 {
			out = append(out, parts[len(parts)-2])
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// TestPassthroughAndBack leaves no object of the other form, either way.
func TestPassthroughAndBack(t *testing.T) {
	t.Parallel()
	k := newKube(t)
	closed := func(s *inventory.Service) { s.Allow = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/24")} }
	ordinary := testConfig(testService(https, insecure, public))
	through := testConfig(testService(passthrough, closed))
	mustRun(t, ordinary, k)
	before := kindsOf(ofServices(k))
	if !slices.Contains(before, "ingresses") || !slices.Contains(before, "serverstransports") {
		t.Fatalf("before there is %v", before)
	}
	mustRun(t, through, k)
	if got, want := kindsOf(ofServices(k)), []string{"endpointslices", "ingressroutetcps", "middlewaretcps", "networkpolicies", "services"}; !slices.Equal(got, want) {
		t.Errorf("handed over: %v, want %v", got, want)
	}
	if m := k.Object("/api/v1/namespaces/edge-git/services/git")["metadata"].(map[string]any); strings.Contains(strings.ToLower(strings.Join(keys(m["annotations"]), " ")), "serverstransport") {
		t.Errorf("Traefik is told how to speak TLS: %v", m["annotations"])
	}
	if again := mustRun(t, through, k); again.Changed != 0 {
		t.Errorf("the second run: %+v", again)
	}
	mustRun(t, ordinary, k)
	if got := kindsOf(ofServices(k)); !slices.Equal(got, before) {
		t.Errorf("and back: %v, want %v", got, before)
	}
	mustRun(t, through, k)
	mustRun(t, testConfig(), k)
	if left := ofServices(k); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

func keys(m any) []string {
	var out []string
	for key := range m.(map[string]any) {
		out = append(out, key)
	}
	return out
}

// TestPassthroughRouteComesLast, when what it names is there, and goes first.
func TestPassthroughRouteComesLast(t *testing.T) {
	t.Parallel()
	k := newKube(t)
	mustRun(t, testConfig(testService(passthrough)), k)
	writes := k.Writes()
	if last := writes[len(writes)-1].Path; !strings.Contains(last, "/ingressroutetcps/") {
		t.Errorf("last was %s", last)
	}
	before := len(writes)
	mustRun(t, testConfig(), k)
	if first := k.Writes()[before].Path; !strings.Contains(first, "/ingressroutetcps/") {
		t.Errorf("first was %s", first)
	}
}

// Whoever may come to a name without allow: everybody, and where the router
// forwards its port, the LAN.
func TestWhoMayComeToAPassthrough(t *testing.T) {
	t.Parallel()
	for mode, want := range map[inventory.EdgeMode]bool{inventory.EdgeLAN: false, inventory.EdgeTunnel: false, inventory.EdgePortForward: true} {
		objects, err := Objects(testCluster(mode), testService(passthrough), Secrets{})
		if err != nil {
			t.Fatal(err)
		}
		route := objects[len(objects)-1].(object.IngressRouteTCP)
		if got := len(route.Spec.Routes[0].Middlewares) == 1; got != want {
			t.Errorf("%s: %+v", mode, route.Spec.Routes[0])
		}
	}
}

func TestPassthroughProbe(t *testing.T) {
	t.Parallel()
	cert := func(days int, names ...string) *look.Cert {
		return &look.Cert{Subject: "CN=argo", Issuer: "CN=home", Names: names, NotAfter: time.Now().AddDate(0, 0, days).UTC().Format(time.RFC3339)}
	}
	answered := func(c *look.Cert) look.DialAnswer {
		return look.DialAnswer{Outcome: look.Answered, TLS: "TLS 1.3", Cert: c}
	}
	for name, tc := range map[string]struct {
		answer look.DialAnswer
		want   []string // severity: text; and hint
	}{
		"its own certificate": {answered(cert(90, "git.example.org")), []string{"fine: speaks TLS 1.3", "note: shows a certificate for git.example.org, by CN=home, until "}},
		"without names":       {answered(cert(90)), []string{"fine: ", "note: shows a certificate for CN=argo, by", "warning: shows a certificate that is not for git.example.org"}},
		"a wildcard":          {answered(cert(90, "*.example.org")), []string{"fine: ", "note: "}},
		"another's":           {answered(cert(90, "other.example.org")), []string{"fine: ", "note: ", "warning: shows a certificate that is not for git.example.org"}},
		"ends soon":           {answered(cert(2, "git.example.org")), []string{"fine: ", "note: ", "warning: shows a certificate that ends at "}},
		"has ended":           {answered(cert(-2, "git.example.org")), []string{"fine: ", "note: ", "warning: shows a certificate that has ended at "}},
		"no TLS":              {look.DialAnswer{Outcome: look.NotTLS}, []string{"fault: speaks no TLS, which passthrough leaves to the servers"}},
		"a name it refuses":   {look.DialAnswer{Outcome: look.Broken, Alert: "tls: unrecognized name"}, []string{"fault: refuses TLS: tls: unrecognized name"}},
		"off":                 {look.DialAnswer{Outcome: look.Refused}, []string{"fault: refuses the connection"}},
	} {
		n := &node{answer: tc.answer}
		results, err := Probe(t.Context(), map[string]look.Looker{"edge-1": n}, testService(passthrough))
		if err != nil || len(results) != len(tc.want) {
			t.Errorf("%s: %+v, %v", name, results, err)
			continue
		}
		for i, r := range results {
			if got := string(r.Severity) + ": " + r.Text; !strings.HasPrefix(got, tc.want[i]) || (r.Severity == Fault || r.Severity == Warning) && r.Hint == "" {
				t.Errorf("%s: %s (%s), want %s", name, got, r.Hint, tc.want[i])
			}
		}
		if d := n.asked.Dials[0]; !d.TLS || d.HTTP || !d.AnyCert || d.ServerName != "git.example.org" || d.Address != "10.0.0.30:443" {
			t.Errorf("%s: asked %+v", name, d)
		}
	}
}

// TestPassthroughBesideAWildcard: one connection may serve all names of a
// certificate, and the edge cannot tell which of them was meant.
func TestPassthroughBesideAWildcard(t *testing.T) {
	t.Parallel()
	c := testCluster(inventory.EdgeLAN)
	c.Edge.Cloudflare = &inventory.Cloudflare{Zones: []string{"example.org"}}
	c.Edge.Certificates = &inventory.Certificates{Issuer: inventory.IssuerProduction, Strategy: inventory.CertWildcard}
	if got := Caution(c, testService(passthrough)); !strings.Contains(got, "per-host") {
		t.Errorf("%q", got)
	}
	deep := testService(passthrough, func(s *inventory.Service) { s.Host = "a.git.example.org" })
	if got := Caution(c, testService()) + Caution(c, deep); got != "" {
		t.Errorf("of no matter: %q", got)
	}
	c.Edge.Certificates.Strategy = inventory.CertPerHost
	if got := Caution(c, testService(passthrough)); got != "" {
		t.Errorf("each has its own: %q", got)
	}
}
