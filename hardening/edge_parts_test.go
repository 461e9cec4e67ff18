package hardening

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/k3sedge/k3sedge/hardening/facts"
	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/machine/look"
)

func TestTraefiksArguments(t *testing.T) {
	t.Parallel()
	pod := func(args ...string) facts.Pod {
		return facts.Pod{
			Object:     facts.Object{Name: "traefik-1"},
			Containers: []facts.Container{{Init: true, Args: []string{"--api.insecure=true"}}, {Args: append([]string{"traefik"}, args...)}},
		}
	}
	args, why := argsOf(pod("--API.Dashboard", "--entryPoints.Web.Address=:80/tcp", "--entryPoints.web.http.tls=true", "--entrypoints.dns.address=[::1]:53/udp", "version"))
	if why != "" || !args.on("api.dashboard") || args.on("api.insecure") || args.on("version") {
		t.Errorf("arguments %v, %q", args, why)
	}
	if got := fmt.Sprint(args.entries()); got != "map[dns:[::1]:53 web::80]" {
		t.Errorf("entrypoints %s", got)
	}
	args, _ = argsOf(pod("-entryPoints.web.forwardedHeaders.trustedIPs=0.0.0.0/0", "--entrypoints.web.forwardedheaders.trustedips=10.0.0.1", "--api.dashboard=t", "--ping=true", "--ping=false"))
	if got := args["entrypoints.web.forwardedheaders.trustedips"]; got != "0.0.0.0/0,10.0.0.1" || !args.on("api.dashboard") || args.on("ping") {
		t.Errorf("what Traefik takes, too: %v", args)
	}
	for name, tt := range map[string]struct {
		pod  facts.Pod
		want string
	}{
		"a file":       {pod("--configFile=/etc/traefik.yaml"), "/etc/traefik.yaml"},
		"no arguments": {pod(), "traefik-1 shows no argument"},
		"no container": {facts.Pod{}, "shows no argument"},
	} {
		if args, why := argsOf(tt.pod); args != nil || !strings.Contains(why, tt.want) {
			t.Errorf("%s: %v, %q", name, args, why)
		}
	}
}

func TestWhatIsOnLoopback(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]bool{
		"127.0.0.1:8080":     true,
		"127.9.9.9:1":        true,
		"[::1]:8080":         true,
		":8080":              false,
		"0.0.0.0:8080":       false,
		"10.0.0.11:8080":     false,
		"[::]:8080":          false,
		"localhost:8080":     false,
		"127.0.0.1":          false,
		"":                   false,
		"127.0.0.1.evil:443": false,
	} {
		if got := loopbackOnly(address); got != want {
			t.Errorf("%q: %v", address, got)
		}
	}
}

func TestNetworksThatDiffer(t *testing.T) {
	t.Parallel()
	want := []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("198.51.100.7/32")}
	for list, differences := range map[string][]string{
		"192.0.2.0/24,2001:db8::/32,198.51.100.7":           nil,
		" 198.51.100.7/32 , 192.0.2.9/24 , 2001:db8:1::/32": nil, // the networks that these are in
		"192.0.2.0/24,2001:db8::/32":                        {"198.51.100.7/32 is missing"},
		"192.0.2.0/25,2001:db8::/32,198.51.100.7":           {"192.0.2.0/25 is not one", "192.0.2.0/24 is missing"},
		"0.0.0.0/0,192.0.2.0/24,2001:db8::/32,198.51.100.7": {"0.0.0.0/0 is not one"},
		"192.0.2.0/24,2001:db8::/32,198.51.100.7,":          {" is not one"},
		"x,192.0.2.0/24,2001:db8::/32,198.51.100.7/x":       {"x is not one", "198.51.100.7/x is not one", "198.51.100.7/32 is missing"},
	} {
		got := differentNetworks(list, want)
		if len(got) != len(differences) {
			t.Errorf("%q: %q", list, got)
			continue
		}
		for i, d := range differences {
			if !strings.Contains(got[i], d) {
				t.Errorf("%q: %q, wanted %q", list, got[i], d)
			}
		}
	}
	if n, err := parseNetwork("192.0.2.9/24"); err != nil || n.String() != "192.0.2.0/24" {
		t.Errorf("got %s, %v", n, err)
	}
}

func TestSuites(t *testing.T) {
	t.Parallel()
	for suite, want := range map[string]bool{
		"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256":       true,
		"TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384":         true,
		"TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256":   true,
		"TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305":        true,
		"TLS_AES_128_GCM_SHA256":                        true,
		"TLS_CHACHA20_POLY1305_SHA256":                  true,
		"TLS_RSA_WITH_AES_128_GCM_SHA256":               false,
		"TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256":         false,
		"TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA":          false,
		"TLS_RSA_WITH_3DES_EDE_CBC_SHA":                 false,
		"TLS_ECDHE_RSA_WITH_RC4_128_SHA":                false,
		"TLS_DHE_RSA_WITH_AES_128_GCM_SHA256":           false,
		"":                                              false,
		"tls_ecdhe_rsa_with_aes_128_gcm_sha256":         false,
		"TLS_FALLBACK_SCSV":                             false,
		"TLS_RSA_WITH_AES_256_GCM_SHA384":               false,
		"TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384":       true,
		"TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256": true,
	} {
		if got := soundSuite(suite); got != want {
			t.Errorf("%q: %v", suite, got)
		}
	}
}

func TestAddressesInside(t *testing.T) {
	t.Parallel()
	p := testPolicy(t)
	for address, want := range map[string]string{
		"10.0.0.50":        "",
		"10.0.1.9":         "",
		"192.168.7.3":      "",
		"203.0.113.9":      "",
		"fd00:1::50":       "",
		"127.0.0.1":        "the node itself",
		"127.8.8.8":        "the node itself",
		"0.0.0.0":          "the node itself",
		"::1":              "the node itself",
		"::":               "the node itself",
		"::ffff:127.0.0.1": "the node itself",
		"169.254.169.254":  "link-local",
		"fe80::1":          "link-local",
		"224.0.0.251":      "nobody's alone",
		"ff02::1":          "nobody's alone",
		"255.255.255.255":  "nobody's alone",
		"10.0.0.11":        "a node's",
		"10.0.0.12":        "a node's",
		"::ffff:10.0.0.12": "a node's",
		"10.42.0.0":        "a pod's",
		"10.42.255.255":    "a pod's",
		"10.43.0.1":        "a service's",
		"10.43.255.255":    "a service's",
		"10.44.0.1":        "",
		"10.41.255.255":    "",
	} {
		if got := innerAddress(netip.MustParseAddr(address), p); got != want {
			t.Errorf("%s: %q, wanted %q", address, got, want)
		}
	}
}

func TestHowLongACertificateLasts(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	for name, tt := range map[string]struct {
		from, to, want string
	}{
		"90 days, new":              {day(0), day(90), ""},
		"90 days, renewed in time":  {day(-60), day(30), ""},
		"90 days, 22 left":          {day(-68), day(22), ""},
		"90 days, 21 left":          {day(-69), day(21), "ends in 21 days"},
		"90 days, ended":            {day(-91), day(-1), "it ended"},
		"45 days, renewed in time":  {day(-30), day(15), ""},
		"45 days, 12 left":          {day(-33), day(12), ""},
		"45 days, 11 left":          {day(-34), day(11), "ends in 11 days"},
		"6 days, new":               {day(0), day(6), ""},
		"6 days, renewed in time":   {day(-4), day(2), ""},
		"6 days, 1 left":            {day(-5), day(1), "ends in 1 days"},
		"ten years":                 {day(-1), day(3650), ""},
		"from tomorrow":             {day(1), day(90), "not valid before"},
		"since nobody knows when":   {"", day(90), "since when"},
		"until nobody knows when":   {day(0), "", "when it ends"},
		"until another time's form": {day(0), "2027-01-01", "when it ends"},
	} {
		got := outlives(tt.from, tt.to, now)
		if (got == "") != (tt.want == "") || !strings.Contains(got, tt.want) {
			t.Errorf("%s: %q, wanted %q", name, got, tt.want)
		}
	}
}

func TestACertificateThatIsUnwellInManyWays(t *testing.T) {
	t.Parallel()
	c := look.Cert{
		Subject: "CN=git", Issuer: "CN=(STAGING) Fake R1", Names: []string{"other.example.org"},
		NotBefore: day(-80), NotAfter: day(10), ChainEnd: day(5),
	}
	got := unwell(c, "git.example.org", time.Unix(1000, 0))
	for i, want := range []string{"is for other.example.org", "a trial's", "ends in 10 days", "its issuer's certificate: it ends in 5 days"} {
		if len(got) != 4 || !strings.Contains(got[i], want) {
			t.Fatalf("got %q, wanted %q", got, want)
		}
	}
}

// What a policy tries of the edge, and what it does not where there is none.
func TestWhatIsTried(t *testing.T) {
	t.Parallel()
	p := testPolicy(t)
	p.Profile = Baseline
	got := sorted(p.edgeDials())
	want := []string{
		"http " + gitHost, "http " + wikiHost, "https " + gitHost, "https " + wikiHost, dialStranger,
		"old TLS " + gitHost, "old TLS " + wikiHost, "port 8080", "port 8444", "port 9000", "port 9100", "port 9101",
		"weak TLS " + gitHost, "weak TLS " + wikiHost,
	}
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	for name, d := range p.edgeDials() {
		if a := netip.MustParseAddrPort(d.Address); a.Addr() != p.Address || d.Millis <= 0 {
			t.Errorf("%s goes to %s within %d ms", name, d.Address, d.Millis)
		}
		if d.TLS && (!d.AnyCert || d.ServerName == "") {
			t.Errorf("%s: %+v", name, d)
		}
	}
	through := p.WithServices([]inventory.Service{{Name: "argo", Host: "argo.example.org", Passthrough: true}})
	if got := sorted(through.edgeDials()); slices.ContainsFunc(got, func(name string) bool { return strings.HasSuffix(name, "argo.example.org") }) {
		t.Errorf("what is the servers' own is asked for: %q", got)
	}
	if r := p.request(); len(r.Wire) != 0 {
		t.Errorf("the agent is asked for %d dials where the cluster is not looked at", len(r.Wire))
	}
	p.whole = true
	if r := p.request(); len(r.Wire) < len(want) {
		t.Errorf("the agent is asked for %d dials", len(r.Wire))
	}
	p.Cluster = nil
	if got := p.WithServices(testServices()); got.Cluster != nil || got.edgeDials() != nil {
		t.Errorf("a machine without K3s: %+v", got.edgeDials())
	}
}

func TestModesOfTheEdge(t *testing.T) {
	t.Parallel()
	for mode, want := range map[inventory.EdgeMode]inventory.EdgeMode{"": inventory.EdgeLAN, inventory.EdgeTunnel: inventory.EdgeTunnel} {
		if got := edgePolicy(inventory.Cluster{Edge: &inventory.Edge{Mode: mode}}, nil).Mode; got != want {
			t.Errorf("%q: %s", mode, got)
		}
	}
	if got := edgePolicy(inventory.Cluster{}, nil).Mode; got != inventory.EdgeLAN {
		t.Errorf("no section: %s", got)
	}
}

func FuzzMaxAge(f *testing.F) {
	f.Add("max-age=31536000; includeSubDomains")
	f.Add(`Max-Age="1"`)
	f.Add("max-age=99999999999999999999")
	f.Fuzz(func(t *testing.T, header string) {
		if age := maxAge(header); age < 0 || age > 101*365*24*time.Hour {
			t.Errorf("%q: %s", header, age)
		}
	})
}

func FuzzTraefikArguments(f *testing.F) {
	f.Add("--entrypoints.web.address=:80/tcp --api.insecure")
	f.Add("--entryPoints..address= --=")
	f.Fuzz(func(t *testing.T, line string) {
		args, why := argsOf(facts.Pod{Containers: []facts.Container{{Args: strings.Fields(line)}}})
		if (args == nil) == (why == "") {
			t.Errorf("%q: %v, %q", line, args, why)
		}
		for name, address := range args.entries() {
			if loopbackOnly(address) && !strings.Contains(address, "1") {
				t.Errorf("%q: entrypoint %s at %s is taken for loopback", line, name, address)
			}
		}
	})
}
