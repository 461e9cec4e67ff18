package addons

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/k3sedge/k3sedge/addons/object"
	"github.com/k3sedge/k3sedge/inventory"
)

type variant struct {
	mode    inventory.EdgeMode
	service inventory.Service
	secrets Secrets
}

func like(p inventory.Preset) func(*inventory.Service) {
	return func(s *inventory.Service) { s.Preset = p }
}

func public(s *inventory.Service) { s.Expose = inventory.ExposePublic }

// variants are the forms that a service can have.
func variants() map[string]variant {
	out := map[string]variant{
		"tunnel":          {inventory.EdgeTunnel, testService(public), Secrets{}},
		"portforward":     {inventory.EdgePortForward, testService(public), Secrets{}},
		"lan-portforward": {inventory.EdgePortForward, testService(), Secrets{}},
		"wildcard":        {inventory.EdgeLAN, testService(func(s *inventory.Service) { s.Host = "*.example.org" }), Secrets{}},
		"servers": {inventory.EdgeLAN, testService(func(s *inventory.Service) {
			s.To = []string{"10.0.0.20:443", "[fd00::20]:443", "10.0.0.21:8080", "10.0.0.22:443"}
		}), Secrets{}},
		"https": {inventory.EdgeLAN, testService(func(s *inventory.Service) {
			s.Scheme, s.To = inventory.SchemeHTTPS, []string{"10.0.0.20:8006"}
			s.TLS = &inventory.BackendTLS{CA: "file:ca.pem", ServerName: "pve.lan"}
		}), Secrets{CA: []byte("PEM")}},
		"passthrough": {inventory.EdgePortForward, testService(passthrough), Secrets{}},
		"insecure": {inventory.EdgeLAN, testService(func(s *inventory.Service) {
			s.Scheme, s.TLS = inventory.SchemeHTTPS, &inventory.BackendTLS{Insecure: true}
		}), Secrets{}},
		"closed": {inventory.EdgeLAN, testService(func(s *inventory.Service) {
			s.Allow = []netip.Prefix{netip.MustParsePrefix("10.0.0.7/24"), netip.MustParsePrefix("fd00::/64")}
			s.BasicAuth = &inventory.BasicAuth{Users: "env:USERS"}
			s.Middlewares = []string{"default-sso@kubernetescrd"}
		}), Secrets{Users: inventory.NewSecret("# staff\n\n" + bob + "\n")}},
		"own-limit": {inventory.EdgeTunnel, testService(public, func(s *inventory.Service) { s.RateLimit = "10/m:20" }), Secrets{}},
		"headers": {inventory.EdgeLAN, testService(like(inventory.PresetStrict), func(s *inventory.Service) {
			s.Headers = &inventory.Headers{HSTS: "300s", CSP: "default-src 'none'", CSPReportOnly: true, PermissionsPolicy: "camera=()", ReferrerPolicy: "off", Frame: "sameorigin"}
		}), Secrets{}},
	}
	for _, p := range []inventory.Preset{inventory.PresetWeb, inventory.PresetAPI, inventory.PresetMedia, inventory.PresetUpload, inventory.PresetStrict} {
		out["preset-"+string(p)] = variant{inventory.EdgeLAN, testService(like(p)), Secrets{}}
	}
	return out
}

func TestGoldenObjects(t *testing.T) {
	t.Parallel()
	for name, v := range variants() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			objects, err := Objects(testCluster(v.mode), v.service, v.secrets)
			if err != nil {
				t.Fatal(err)
			}
			golden(t, name, objects)
		})
	}
}

func TestGoldenSystemObjects(t *testing.T) {
	t.Parallel()
	for _, mode := range []inventory.EdgeMode{inventory.EdgeLAN, inventory.EdgeTunnel, inventory.EdgePortForward} {
		objects, err := SystemObjects(testCluster(mode))
		if err != nil {
			t.Fatal(err)
		}
		golden(t, "system-"+string(mode), objects)
	}
}

// TestNoObjectWithoutWhatKeepsTraefikAlive holds all variants against the
// rules that nobody enforces: a slice without a port stops Traefik's provider,
// a reference to a middleware that is not there takes the route away.
func TestNoObjectWithoutWhatKeepsTraefikAlive(t *testing.T) {
	t.Parallel()
	for name, v := range variants() {
		objects, err := Objects(testCluster(v.mode), v.service, v.secrets)
		if err != nil {
			t.Fatal(err)
		}
		system, err := SystemObjects(testCluster(v.mode))
		if err != nil {
			t.Fatal(err)
		}
		there := map[string]bool{"default-sso@kubernetescrd": true}
		for _, o := range append(system, objects...) {
			m := object.MetaOf(o)
			if o.Kind().Name == "Middleware" || o.Kind().Name == "TLSOption" || o.Kind().Name == "ServersTransport" {
				there[reference(m.Namespace, m.Name)] = true
			}
		}
		for _, o := range objects {
			if slice, ok := o.(object.EndpointSlice); ok && (len(slice.Ports) != 1 || slice.Ports[0].Port == 0 || !slice.Endpoints[0].Conditions.Ready) {
				t.Errorf("%s: slice %+v", name, slice)
			}
			for key, value := range object.MetaOf(o).Annotations {
				for _, id := range strings.Split(value, ",") {
					if strings.Contains(value, "@") && !there[id] {
						t.Errorf("%s: %s names %q, which nobody makes", name, key, id)
					}
				}
			}
		}
	}
}

func TestLimitsThatAreOff(t *testing.T) {
	t.Parallel()
	c := testCluster(inventory.EdgeTunnel)
	c.Edge.RateLimit, c.Edge.TunnelRateLimit = inventory.Off, inventory.Off
	for name, s := range map[string]inventory.Service{"shared": testService(public), "of the preset": testService(public, like(inventory.PresetMedia)),
		"own": testService(public, func(s *inventory.Service) { s.RateLimit = inventory.Off })} {
		objects, err := Objects(c, s, Secrets{})
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range objects {
			if m := object.MetaOf(o); strings.Contains(m.Annotations[annotations+"router.middlewares"], "rl-") || strings.HasPrefix(m.Name, rateName) {
				t.Errorf("%s: %s %s still limits", name, o.Kind().Name, m.Name)
			}
		}
	}
}

func TestHeadersThatAreOffOrForgotten(t *testing.T) {
	t.Parallel()
	off := headersOf(testService(like(inventory.PresetStrict), func(s *inventory.Service) {
		s.Headers = &inventory.Headers{HSTS: "off", CSP: "off", PermissionsPolicy: "off", ReferrerPolicy: "off", Frame: "off"}
	}))
	if off.STSSeconds != 0 || off.ForceSTSHeader || off.ContentSecurityPolicy != "" || off.ReferrerPolicy != "" || off.CustomFrameOptionsValue != "" || off.CustomResponseHeaders["Permissions-Policy"] != "" {
		t.Errorf("off: %+v", off)
	}
	forget := headersOf(testService(func(s *inventory.Service) { s.Headers = &inventory.Headers{HSTS: "0s"} }))
	if forget.STSSeconds != 0 || forget.CustomResponseHeaders["Strict-Transport-Security"] != "max-age=0" {
		t.Errorf("0s: %+v", forget)
	}
	framed := headersOf(testService(like(inventory.PresetStrict), func(s *inventory.Service) { s.Headers = &inventory.Headers{Frame: "sameorigin"} }))
	if !strings.HasSuffix(framed.ContentSecurityPolicy, "frame-ancestors 'self'") || framed.CustomFrameOptionsValue != "SAMEORIGIN" {
		t.Errorf("the two headers about frames disagree: %+v", framed)
	}
	own := headersOf(testService(like(inventory.PresetStrict), func(s *inventory.Service) {
		s.Headers = &inventory.Headers{CSP: "frame-ancestors https://a.example.org"}
	}))
	if own.CustomFrameOptionsValue != "" {
		t.Errorf("the preset's X-Frame-Options contradicts the file's policy: %+v", own)
	}
	list := headersOf(testService(func(s *inventory.Service) { s.Headers = &inventory.Headers{HSTSPreload: true} }))
	if !list.STSPreload || !list.STSIncludeSubdomains || list.STSSeconds != 31536000 {
		t.Errorf("preload: %+v", list)
	}
}

func TestRefusedServices(t *testing.T) {
	t.Parallel()
	users := func(s *inventory.Service) { s.BasicAuth = &inventory.BasicAuth{Users: "env:USERS"} }
	for name, tc := range map[string]struct {
		service inventory.Service
		secrets Secrets
		want    error
	}{
		"allow and public":       {testService(public, func(s *inventory.Service) { s.Allow = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/24")} }), Secrets{}, errAllowPublic},
		"wildcard's certificate": {testService(func(s *inventory.Service) { s.Host, s.Scheme = "*.example.org", inventory.SchemeHTTPS }), Secrets{}, errWildcardName},
		"empty CA": {testService(func(s *inventory.Service) {
			s.Scheme, s.TLS = inventory.SchemeHTTPS, &inventory.BackendTLS{CA: "file:ca.pem"}
		}), Secrets{}, errNoCA},
		"no users":       {testService(users), Secrets{}, errNoUser},
		"comments only":  {testService(users), Secrets{Users: inventory.NewSecret("# x\n")}, errNoUser},
		"plain password": {testService(users), Secrets{Users: inventory.NewSecret(bob + "\neve:" + canary)}, errUserLine},
		"SHA-1":          {testService(users), Secrets{Users: inventory.NewSecret("eve:{SHA}" + canary)}, errUserLine},
	} {
		_, err := Objects(testCluster(inventory.EdgeTunnel), tc.service, tc.secrets)
		var hint interface{ Hint() string }
		if !errors.Is(err, tc.want) || !errors.As(err, &hint) {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && strings.Contains(err.Error(), canary) {
			t.Errorf("%s: the error tells the secret: %v", name, err)
		}
	}
	if _, err := Objects(testCluster(inventory.EdgeLAN), testService(func(s *inventory.Service) { s.To = []string{"10.0.0.20:0"} }), Secrets{}); err == nil {
		t.Error("a slice with port 0 was made")
	}
}
