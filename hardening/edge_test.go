package hardening

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/k3sedge/k3sedge/hardening/facts"
	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/machine/look"
)

func verdictOf(t *testing.T, id string, f *facts.Facts, p Policy) Verdict {
	t.Helper()
	i := slices.IndexFunc(Controls(), func(c Control) bool { return c.ID == id })
	if i < 0 {
		t.Fatalf("no control %s", id)
	}
	return Controls()[i].judge(f, p)
}

func wantVerdict(t *testing.T, id string, v Verdict, want Status, words string) {
	t.Helper()
	if v.Status != want || !strings.Contains(strings.Join(v.Evidence, "\n"), words) {
		t.Errorf("%s: %s %q, wanted %s with %q", id, v.Status, v.Evidence, want, words)
	}
}

func TestAServiceWithoutACertificateIsSaidSo(t *testing.T) {
	t.Parallel()
	p := testPolicy(t)
	f := hardened(t, p)
	for _, name := range []string{dialTLS(gitHost), dialOld(gitHost), dialWeak(gitHost)} {
		f.Wire[name] = look.DialAnswer{Outcome: look.Broken, Err: "remote error", Alert: "tls: internal error"}
	}
	wantVerdict(t, "EDG-06", verdictOf(t, "EDG-06", f, p), Fail, gitHost+": no certificate yet")
	wantVerdict(t, "EDG-05", verdictOf(t, "EDG-05", f, p), Unknown, gitHost)
	wantVerdict(t, "EDG-04", verdictOf(t, "EDG-04", f, p), Pass, "")
}

func TestWithoutAServiceNothingPasses(t *testing.T) {
	t.Parallel()
	for name, p := range map[string]Policy{"no file": testPolicy(t).WithServices(nil), "not brought yet": testPolicy(t)} {
		f := hardened(t, p)
		f.Cluster.Edge.Ingresses, f.Cluster.Edge.Slices, f.Cluster.Edge.Certificates = []facts.Route{}, []facts.EndpointSlice{}, []facts.Certificate{}
		for _, id := range []string{"EDG-05", "EDG-06", "EDG-07", "EDG-08"} {
			wantVerdict(t, name+": "+id, verdictOf(t, id, f, p), NotApplicable, "no service yet")
		}
		for _, id := range []string{"EDG-01", "EDG-02", "EDG-03", "EDG-04"} {
			wantVerdict(t, name+": "+id, verdictOf(t, id, f, p), Pass, "")
		}
		argument("--providers.kubernetescrd.allowCrossNamespace=true")(f, p)
		wantVerdict(t, name, verdictOf(t, "EDG-07", f, p), Fail, "allowCrossNamespace")
	}
}

func TestServersThatDoNotAnswerTheNodeAreNamed(t *testing.T) {
	t.Parallel()
	p := testPolicy(t)
	f := hardened(t, p)
	onWire(dialTLS(gitHost), func(a *look.DialAnswer) { a.Outcome, a.Header = look.TimedOut, nil })(f, p)
	wantVerdict(t, "EDG-05", verdictOf(t, "EDG-05", f, p), Pass, "of 1, such as "+gitHost+", the middlewares were judged")
}

func TestACertificateOfNobodyWithoutAServerIsMilder(t *testing.T) {
	t.Parallel()
	p := testPolicy(t)
	f := hardened(t, p)
	for status, want := range map[int]Severity{404: Medium, 200: "", 0: ""} {
		f.Wire[dialStranger] = look.DialAnswer{Outcome: look.Answered, Status: status, Cert: &look.Cert{Subject: "CN=x"}}
		if v := verdictOf(t, "EDG-04", f, p); v.Status != Fail || v.Severity != want {
			t.Errorf("status %d: %s, severity %q", status, v.Status, v.Severity)
		}
	}
}

func TestWhoseHeadersAreBelieved(t *testing.T) {
	t.Parallel()
	c := testCluster()
	c.Edge.Mode = inventory.EdgePortForward
	ranges := []netip.Prefix{netip.MustParsePrefix("173.245.48.0/20"), netip.MustParsePrefix("2400:cb00::/32")}
	p, err := NewPolicy(c, c.Nodes[0], ranges)
	if err != nil {
		t.Fatal(err)
	}
	trust := func(list string) *facts.Facts {
		f := hardened(t, testPolicy(t))
		for _, entry := range []string{"web", "websecure"} {
			argument("--entryPoints."+entry+".forwardedHeaders.trustedIPs="+list)(f, p)
		}
		return f
	}
	for list, want := range map[string]string{
		"173.245.48.0/20,2400:cb00::/32":            "",
		"2400:cb00::/32, 173.245.48.0/20":           "",
		"173.245.48.0/20":                           "2400:cb00::/32 is missing",
		"173.245.48.0/20,2400:cb00::/32,10.0.0.0/8": "10.0.0.0/8 is not one",
		"173.245.48.0/20,2400:cb00::/32,everybody":  "everybody is not one",
		"": "173.245.48.0/20 is missing",
	} {
		v := verdictOf(t, "EDG-03", trust(list), p)
		wantVerdict(t, list, v, map[bool]Status{true: Pass, false: Fail}[want == ""], want)
	}
}

func TestHSTSByTheFile(t *testing.T) {
	t.Parallel()
	for hsts, want := range map[string]time.Duration{"": 365 * 24 * time.Hour, "off": 0, "300s": 300 * time.Second, "0s": 0, "never": 365 * 24 * time.Hour} {
		if got := hstsOf(inventory.Service{Headers: &inventory.Headers{HSTS: hsts}}); got != want {
			t.Errorf("%q: %s", hsts, got)
		}
	}
	for header, want := range map[string]time.Duration{
		"": 0, "max-age=300": 300 * time.Second, `includeSubDomains; Max-Age="86400"`: 24 * time.Hour, "max-age=-1": 0, "max-age": 0,
		"max-age=9223372036854775807": 100 * 365 * 24 * time.Hour,
	} {
		if got := maxAge(header); got != want {
			t.Errorf("%q: %s", header, got)
		}
	}
}

// Five hundred services are shared out among the nodes, and the verdict says so.
func TestManyServicesAreSharedOut(t *testing.T) {
	t.Parallel()
	var services []inventory.Service
	for i := range 500 {
		services = append(services, inventory.Service{Name: fmt.Sprintf("s%03d", i), Host: fmt.Sprintf("s%03d.example.org", i), To: []string{"10.0.0.50:3000"}})
	}
	c := testCluster()
	seen := map[string]bool{}
	for _, n := range c.Nodes {
		p, err := NewPolicy(c, n, nil)
		if err != nil {
			t.Fatal(err)
		}
		p = p.WithServices(services)
		asked := p.asked()
		for _, s := range asked {
			if seen[s.Host] {
				t.Errorf("%s is asked for twice", s.Host)
			}
			seen[s.Host] = true
		}
		if n := len(p.edgeDials()); len(asked) != mostHosts || n > 3*mostHosts+16 {
			t.Errorf("%d hosts, %d dials", len(asked), n)
		}
		f := hardened(t, testPolicy(t))
		f.Cluster.Edge.Ingresses = nil
		for _, s := range services {
			f.Cluster.Edge.Ingresses = append(f.Cluster.Edge.Ingresses, edgeRoute(s.Name, s.Host))
			f.Cluster.Edge.Middlewares = append(f.Cluster.Edge.Middlewares, edgeHeaders(s.Name, 31536000))
		}
		for name, d := range p.edgeDials() {
			f.Wire[name] = soundAnswer(name, d)
		}
		wantVerdict(t, "EDG-05", verdictOf(t, "EDG-05", f, p), Pass, "24 of 500 services looked at from this node")
		wantVerdict(t, "EDG-06", verdictOf(t, "EDG-06", f, p), Pass, "24 of 500 services looked at from this node")
	}
}

func TestServersAreTriedFromHere(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	open := l.Addr().String()
	got := bypass(t.Context(), []EdgeService{{To: []string{open, "nonsense"}}, {To: []string{open}}})
	if len(got) != 2 || got[open].Outcome != look.Answered || got["nonsense"].Outcome == look.Answered {
		t.Errorf("got %+v", got)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if got := bypass(t.Context(), []EdgeService{{To: []string{open}}}); got[open].Outcome != look.Refused {
		t.Errorf("closed: %+v", got)
	}
}
