package addons

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/k3sedge/k3sedge/addons/object"
	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/converge"
	"github.com/k3sedge/k3sedge/testinfra/fakekube"
)

func otherIngress(host, path string, annotation ...string) map[string]any {
	o := manifest("networking.k8s.io/v1", "Ingress", "default", "old", map[string]any{"spec": map[string]any{
		"ingressClassName": "traefik",
		"rules":            []any{map[string]any{"host": host, "http": map[string]any{"paths": []any{map[string]any{"path": path, "pathType": "Prefix"}}}}},
	}})
	if len(annotation) > 0 {
		o["metadata"].(map[string]any)["annotations"] = map[string]any{annotation[0]: annotation[1]}
	}
	return o
}

func otherRoute(kind, match string, entrypoints ...any) map[string]any {
	return manifest("traefik.io/v1alpha1", kind, "default", "old", map[string]any{"spec": map[string]any{
		"entryPoints": entrypoints, "routes": []any{map[string]any{"match": match}},
	}})
}

func gateway(hostname string, rules ...any) map[string]any {
	return manifest("gateway.networking.k8s.io/v1", "HTTPRoute", "default", "old", map[string]any{"spec": map[string]any{"hostnames": []any{hostname}, "rules": rules}})
}

func middleware(namespace, name string) map[string]any {
	return manifest("traefik.io/v1alpha1", "Middleware", namespace, name, map[string]any{"spec": map[string]any{"compress": map[string]any{}}})
}

func slicePorts(ports ...any) map[string]any {
	return manifest("discovery.k8s.io/v1", "EndpointSlice", "shop", "cart", map[string]any{"addressType": "IPv4", "ports": ports})
}

func traefikArgs(args ...any) map[string]any {
	return manifest("apps/v1", "DaemonSet", "kube-system", "traefik", map[string]any{"spec": map[string]any{
		"template": map[string]any{"spec": map[string]any{"containers": []any{map[string]any{"args": args}}}},
	}})
}

func refers(m string) inventory.Service {
	return testService(func(s *inventory.Service) { s.Middlewares = []string{m} })
}

func TestRules(t *testing.T) {
	t.Parallel()
	const answered = "service git: host git.example.org is already served by "
	git, through, wild := testService(), testService(passthrough), testService(func(s *inventory.Service) { s.Host = "*.example.org" })
	for name, tc := range map[string]struct {
		service inventory.Service
		there   map[string]any
		want    string // "" for no objection
	}{
		"ingress":                  {git, otherIngress("git.example.org", "/"), answered + "Ingress default/old"},
		"ingress of another host":  {git, otherIngress("wiki.example.org", "/"), ""},
		"ingress of a path":        {git, otherIngress("git.example.org", "/api"), ""},
		"ingress of another class": {git, otherIngress("git.example.org", "/", "kubernetes.io/ingress.class", "nginx"), ""},
		"ingress on web":           {git, otherIngress("git.example.org", "/", annotations+"router.entrypoints", "web"), ""},
		"ingress on the tunnel":    {git, otherIngress("git.example.org", "/", annotations+"router.entrypoints", "tunnel"), ""},
		"ingress on both":          {testService(public), otherIngress("git.example.org", "/", annotations+"router.entrypoints", "web, tunnel"), answered},
		"wildcard over ours":       {git, otherIngress("*.example.org", "/"), answered},
		"wildcard of another zone": {git, otherIngress("*.git.example.org", "/"), ""},
		"host under our wildcard":  {wild, otherIngress("git.example.org", "/"), ""},
		"the same wildcard":        {wild, otherIngress("*.example.org", "/"), "is already served by"},

		"route":                  {git, otherRoute("IngressRoute", "Host(`a.example.org`, `GIT.example.org`)", "websecure"), answered + "IngressRoute default/old"},
		"route by default":       {git, otherRoute("IngressRoute", `Host("git.example.org") && PathPrefix("/")`), answered},
		"route of a path":        {git, otherRoute("IngressRoute", "Host(`git.example.org`) && PathPrefix(`/api`)"), ""},
		"route with alternative": {git, otherRoute("IngressRoute", "PathPrefix(`/api`) || Host(`git.example.org`)"), answered},
		"route of all others":    {git, otherRoute("IngressRoute", "!Host(`git.example.org`)"), ""},
		"route of web":           {git, otherRoute("IngressRoute", "Host(`git.example.org`)", "web"), ""},
		"route by pattern":       {git, otherRoute("IngressRoute", "HostRegexp(`^g.+[.]example[.]org$`)"), answered},
		"pattern over wildcard":  {wild, otherRoute("IngressRoute", "HostRegexp(`^.+[.]example[.]org$`)"), "is already served by"},
		"passthrough":            {git, otherRoute("IngressRouteTCP", "HostSNI(`git.example.org`)", "websecure"), "which goes before every route for HTTP"},

		"passthrough of an ingress":  {through, otherIngress("git.example.org", "/"), answered + "Ingress default/old, which passthrough would go before"},
		"passthrough of a path":      {through, otherIngress("git.example.org", "/api"), "passthrough would go before"},
		"passthrough of a wildcard":  {through, otherIngress("*.example.org", "/"), "passthrough would go before"},
		"passthrough on the tunnel":  {through, otherIngress("git.example.org", "/", annotations+"router.entrypoints", "tunnel"), ""},
		"passthrough of a route":     {through, otherRoute("IngressRoute", "Host(`git.example.org`) && PathPrefix(`/api`)"), "passthrough would go before"},
		"passthrough of a gateway":   {through, gateway("git.example.org", map[string]any{"matches": []any{map[string]any{"path": map[string]any{"value": "/api"}}}}), "passthrough would go before"},
		"two passthroughs":           {through, otherRoute("IngressRouteTCP", "HostSNI(`git.example.org`)"), "Traefik would send requests to either"},
		"passthrough of another":     {through, otherRoute("IngressRouteTCP", "HostSNI(`wiki.example.org`)"), ""},
		"passthrough beside all TCP": {through, otherRoute("IngressRouteTCP", "HostSNI(`*`)"), ""},

		"gateway":            {git, gateway("git.example.org", map[string]any{}), answered + "HTTPRoute default/old"},
		"gateway's wildcard": {testService(func(s *inventory.Service) { s.Host = "a.b.example.org" }), gateway("*.example.org", map[string]any{}), "is already served by"},
		"gateway's path":     {git, gateway("git.example.org", map[string]any{"matches": []any{map[string]any{"path": map[string]any{"value": "/api"}}}}), ""},

		"joined name":         {git, middleware("edge", "git-headers"), "does not tell the Middlewares edge-git/headers and edge/git-headers apart"},
		"joined with a dot":   {git, middleware("edge", "git.headers"), "apart"},
		"middleware":          {refers("default-sso@kubernetescrd"), middleware("default", "sso"), ""},
		"middleware missing":  {refers("default-sos@kubernetescrd"), middleware("default", "sso"), "the middleware default-sos@kubernetescrd is not in the cluster"},
		"middleware of two":   {refers("a-b-c@kubernetescrd"), middleware("a", "b-c"), ""},
		"foreign namespace":   {git, manifest("v1", "Namespace", "", "edge-git", nil), "service git: the namespace edge-git is there already"},
		"slice without port":  {git, slicePorts(map[string]any{"name": "http"}), "the EndpointSlice shop/cart has a port without a number"},
		"slice with port 0":   {git, slicePorts(map[string]any{"port": 80}, map[string]any{"port": 0}), "shop/cart"},
		"another default":     {git, manifest("traefik.io/v1alpha1", "TLSOption", "web", "default", map[string]any{"spec": map[string]any{}}), "the TLSOption web/default takes the name"},
		"other TLS options":   {git, manifest("traefik.io/v1alpha1", "TLSOption", "default", "mine", map[string]any{"spec": map[string]any{}}), ""},
		"slice without ports": {git, slicePorts(), ""},
		"safe naming":         {git, traefikArgs("--global", "--providers.kubernetesCRD.safeNaming=true"), "safeNaming"},
		"unsafe naming":       {git, traefikArgs("--providers.kubernetescrd.safenaming=false"), ""},
		"no tunnel yet":       {named("pub", public), traefikArgs("--entryPoints.websecure.address=:443/tcp"), "Traefik has no entrypoint tunnel"},
		"a tunnel":            {named("pub", public), traefikArgs("--entryPoints.tunnel.address=127.0.0.1:8444/tcp"), ""},
		"no tunnel needed":    {git, traefikArgs("--entryPoints.websecure.address=:443/tcp"), ""},
		"Cloudflare":          {testService(func(s *inventory.Service) { s.To = []string{"10.0.0.1:80", "104.16.0.1:80"} }), middleware("a", "b"), "104.16.0.1:80 is Cloudflare itself"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := newKube(t)
			put(t, k, tc.there)
			c := testConfig(tc.service)
			c.Cloudflare = []netip.Prefix{netip.MustParsePrefix("104.16.0.0/13")}
			err := Rules(t.Context(), c, k.API())
			if tc.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			var rule *RuleError
			var hint interface{ Hint() string }
			if !errors.As(err, &rule) || !strings.Contains(err.Error(), tc.want) || !errors.As(err, &hint) || hint.Hint() == "" {
				t.Errorf("%v, want %q and a hint", err, tc.want)
			}
			if result, _, _ := run(t, c, k); result.Failed != 1 || len(k.Writes()) > 0 {
				t.Errorf("written all the same: %+v, %v", result, k.Writes())
			}
		})
	}
}

func TestAllBrokenRulesAreToldAtOnce(t *testing.T) {
	t.Parallel()
	k := newKube(t)
	put(t, k, otherIngress("git.example.org", "/"), slicePorts(map[string]any{"name": "http"}), middleware("a-b", "c"), middleware("a", "b-c"))
	err := Rules(t.Context(), testConfig(testService(), refers("a-b-c@kubernetescrd")), k.API())
	for _, want := range []string{"already served", "shop/cart", "could be a-b/c or a/b-c"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in %v", want, err)
		}
	}
}

func TestOurOwnLeftoversAreNoConflict(t *testing.T) {
	t.Parallel()
	k := newKube(t)
	mustRun(t, testConfig(named("old", func(s *inventory.Service) { s.Host = "git.example.org" })), k)
	// A service was renamed: with the old one in the same run it goes away.
	if err := Rules(t.Context(), testConfig(testService()), k.API()); err != nil {
		t.Error(err)
	}
	c := testConfig(testService())
	c.Only = "git"
	if err := Rules(t.Context(), c, k.API()); err == nil || !strings.Contains(err.Error(), "Ingress edge-old/old") {
		t.Errorf("its route stays beside the new one: %v", err)
	}
}

func TestABrokenSliceOfOursIsMended(t *testing.T) {
	t.Parallel()
	k := newKube(t)
	c := testConfig(testService())
	mustRun(t, c, k)
	o := k.Object("/apis/discovery.k8s.io/v1/namespaces/edge-git/endpointslices/git-k3sedge-1")
	o["ports"] = []any{map[string]any{"name": "http"}}
	put(t, k, o)
	if got := mustRun(t, c, k); got != (converge.Result{Holds: 2, Changed: 1}) {
		t.Errorf("%+v", got)
	}
}

func TestANamespaceThatWasHandedOver(t *testing.T) {
	t.Parallel()
	k := newKube(t)
	put(t, k, manifest("v1", "Namespace", "", "edge-git", map[string]any{"metadata": map[string]any{"name": "edge-git", "labels": map[string]any{object.ManagedBy: "k3sedge"}}}))
	mustRun(t, testConfig(testService()), k)
}

// TestKindsThatAreNotThere: a cluster without the Gateway API has no routes of it.
func TestKindsThatAreNotThere(t *testing.T) {
	t.Parallel()
	if err := Rules(t.Context(), testConfig(testService()), fakekube.New(fakekube.Traefik()...).API()); err != nil {
		t.Error(err)
	}
}

func FuzzParseMatch(f *testing.F) {
	f.Add("Host(`a.example.org`) && PathPrefix(`/x`)", "a.example.org")
	f.Add(`HostRegexp("^a\\.b$") || !HostSNI("*")`, "a.b")
	f.Fuzz(func(t *testing.T, rule, host string) {
		r := parseMatch(rule)
		if r.takes(host) && len(r.hosts)+len(r.regexps) == 0 {
			t.Error("a route without hosts takes one")
		}
	})
}
