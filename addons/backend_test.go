package addons

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/k3sedge/k3sedge/addons/object"
	"github.com/k3sedge/k3sedge/inventory"
)

func TestGroups(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		to   []string
		want []group
	}{
		"one":          {[]string{"10.0.0.1:80"}, []group{{"IPv4", 80, []string{"10.0.0.1"}}}},
		"same port":    {[]string{"10.0.0.1:80", "10.0.0.2:80"}, []group{{"IPv4", 80, []string{"10.0.0.1", "10.0.0.2"}}}},
		"two ports":    {[]string{"10.0.0.1:80", "10.0.0.2:81"}, []group{{"IPv4", 80, []string{"10.0.0.1"}}, {"IPv4", 81, []string{"10.0.0.2"}}}},
		"two families": {[]string{"10.0.0.1:80", "[fd00::1]:80"}, []group{{"IPv4", 80, []string{"10.0.0.1"}}, {"IPv6", 80, []string{"fd00::1"}}}},
		"short form":   {[]string{"[fd00:0:0::1]:80"}, []group{{"IPv6", 80, []string{"fd00::1"}}}},
		"mixed": {[]string{"10.0.0.1:80", "10.0.0.2:81", "10.0.0.3:80"}, []group{
			{"IPv4", 80, []string{"10.0.0.1", "10.0.0.3"}}, {"IPv4", 81, []string{"10.0.0.2"}},
		}},
		"no port": {[]string{"10.0.0.1"}, nil},
		"port 0":  {[]string{"10.0.0.1:80", "10.0.0.1:0"}, nil},
		"a name":  {[]string{"nas.lan:80"}, nil},
	} {
		got, err := wanted{Service: inventory.Service{To: tc.to}}.groups()
		if (err != nil) != (tc.want == nil) || !reflect.DeepEqual(got, tc.want) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

// TestSchemeThatTraefikSees: it goes by the number and the name of the
// Service's port, and by the annotation, whatever the slices say.
func TestSchemeThatTraefikSees(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		scheme inventory.Scheme
		to     string
		port   uint16
		tls    bool
	}{
		"http":            {inventory.SchemeHTTP, "10.0.0.1:3000", 3000, false},
		"http on 443":     {inventory.SchemeHTTP, "10.0.0.1:443", 80, false},
		"https":           {inventory.SchemeHTTPS, "10.0.0.1:443", 443, true},
		"https elsewhere": {inventory.SchemeHTTPS, "10.0.0.1:8006", 8006, true},
	} {
		w := wanted{Service: testService(func(s *inventory.Service) { s.Scheme, s.To = tc.scheme, []string{tc.to} })}
		s := w.service().(object.Service)
		p := s.Spec.Ports[0]
		tls := p.Port == 443 || strings.HasPrefix(p.Name, "https") || s.Annotations[annotations+"service.serversscheme"] == "https"
		if p.Port != tc.port || tls != tc.tls || s.Spec.ClusterIP != "None" {
			t.Errorf("%s: %+v %v", name, s.Spec, s.Annotations)
		}
		slices, err := w.slices()
		if err != nil {
			t.Fatal(err)
		}
		if got := slices[0].(object.EndpointSlice).Ports[0]; got.Name != p.Name {
			t.Errorf("%s: the slice's port is %s, the Service's %s", name, got.Name, p.Name)
		}
	}
}

func TestAuthorities(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		tls  *inventory.BackendTLS
		want object.ServersTransportSpec
	}{
		"public":   {nil, object.ServersTransportSpec{ServerName: "git.example.org"}},
		"named":    {&inventory.BackendTLS{ServerName: "pve.lan"}, object.ServersTransportSpec{ServerName: "pve.lan"}},
		"own":      {&inventory.BackendTLS{CA: "file:x"}, object.ServersTransportSpec{ServerName: "git.example.org", RootCAs: []object.RootCA{{Secret: "git-ca"}}}},
		"insecure": {&inventory.BackendTLS{Insecure: true}, object.ServersTransportSpec{ServerName: "git.example.org", InsecureSkipVerify: true}},
	} {
		w := wanted{Service: testService(https, func(s *inventory.Service) { s.TLS = tc.tls }), secrets: Secrets{CA: []byte("PEM")}}
		objects := w.transport()
		tc.want.ForwardingTimeouts.DialTimeout = dialTimeout
		if got := objects[len(objects)-1].(object.ServersTransport).Spec; !reflect.DeepEqual(got, tc.want) {
			t.Errorf("%s: %+v", name, got)
		}
		// The Secret has to be there before what names it.
		if secret := len(objects) == 2; secret != (len(tc.want.RootCAs) == 1) {
			t.Errorf("%s: %d objects", name, len(objects))
		}
	}
}

func TestSharedLimits(t *testing.T) {
	t.Parallel()
	for mode, want := range map[inventory.EdgeMode][]string{
		inventory.EdgeLAN:         {limitLAN},
		inventory.EdgeTunnel:      {limitLAN, limitTunnel},
		inventory.EdgePortForward: {limitForwarded, limitLAN},
	} {
		e := inventory.Edge{Mode: mode, RateLimit: "100/m:200", TunnelRateLimit: "50/h:100"}
		limits, err := sharedLimits(e)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for name, l := range limits {
			names = append(names, name)
			one := (l.SourceCriterion.IPStrategy != nil) != (l.SourceCriterion.RequestHeaderName != "")
			if !one || (l.Period == "1h") != (name == limitTunnel) {
				t.Errorf("%s: %s is %+v: Traefik refuses two criteria", mode, name, l)
			}
		}
		if slices.Sort(names); !slices.Equal(names, want) {
			t.Errorf("%s: %v", mode, names)
		}
		for _, wrong := range []inventory.Edge{{Mode: mode, RateLimit: "fast"}, {Mode: inventory.EdgeTunnel, TunnelRateLimit: "fast"}} {
			if _, err := sharedLimits(wrong); err == nil {
				t.Errorf("%+v was taken", wrong)
			}
		}
	}
}

func TestHtpasswd(t *testing.T) {
	t.Parallel()
	const apr = "eve:$apr1$abcdefgh$0123456789012345678901"
	for lines, want := range map[string]string{
		bob:                         bob + "\n",
		"\n # x\n" + apr + "\r\n":   apr + "\n",
		bob + "\n\n" + apr + "\n":   bob + "\n" + apr + "\n",
		"":                          "",
		"bob":                       "",
		"bob:":                      "",
		":" + bob[4:]:               "",
		bob + "\nbob:$1$old$hash\n": "",
		bob + " # comment":          "",
	} {
		got, err := htpasswd(inventory.NewSecret(lines))
		if (err != nil) != (want == "") || err == nil && got.Reveal() != want {
			t.Errorf("%q: %q, %v", lines, got.Reveal(), err)
		}
	}
}
