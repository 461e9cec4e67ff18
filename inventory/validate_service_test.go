package inventory

import (
	"strings"
	"testing"
)

// serviceEdit is a change of services/git.yaml, beside a cluster whose edge has
// a tunnel, and the problems it leads to without the file's name.
type serviceEdit struct {
	name, old, new string
	want           []string
}

func (e serviceEdit) run(t *testing.T) {
	t.Helper()
	t.Run(e.name, func(t *testing.T) {
		t.Parallel()
		f := newFolder(t, "existing.yaml")
		f.replace("k3s:", "k3s:\nedge: {mode: tunnel}")
		f.write("services/ca.pem", certificate(t), 0o644)
		content := testdata(t, "service.yaml")
		if !strings.Contains(content, e.old) {
			t.Fatalf("%q does not stand in service.yaml", e.old)
		}
		f.write("services/git.yaml", strings.Replace(content, e.old, e.new, 1), 0o644)
		var want []string
		for _, w := range e.want {
			want = append(want, "services/git.yaml:"+w)
		}
		f.expect(want...)
	})
}

// with adds lines to services/git.yaml; the first of them is line 5.
func with(name, lines string, want ...string) serviceEdit {
	return serviceEdit{name, "to:", lines + "\nto:", want}
}

func TestValidateServices(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 58)
	for _, e := range []serviceEdit{
		{"good", "", "", nil},
		{"kind", "kind: Service", "kind: Cluster", []string{"2: kind: not Service"}},
		{"no name", "name: git\n", "", []string{"1: name: is missing"}},
		{"digit", "name: git", "name: 2fauth", []string{"3: name: not a name for a service"}},
		{"dot", "name: git", "name: git.lan", []string{"3: name: not a name for a service"}},
		{"longest", "name: git", "name: " + long, []string{"3: name: not that of the file"}},
		{"too long", "name: git", "name: " + long + "x", []string{"3: name: not a name for a service"}},
		{"other name", "name: git", "name: wiki", []string{"3: name: not that of the file"}},
		{"no host", "host: git.example.org\n", "", []string{"1: host: is missing"}},
		{"scheme", "git.example.org", "https://git.example.org", []string{"4: host: has a scheme or a path"}},
		{"star", "git.example.org", "*.example.org", []string{"4: not valid YAML: did not find expected alphabetic or numeric character"}},
		{"quoted star", "git.example.org", "'*.example.org'", nil},
		with("public", "expose: public"),
		with("expose", "expose: everybody", "5: expose: not one of lan, public"),
		with("preset", "preset: medai", "5: preset: not one of web, api, media, upload, strict"),
		with("rate limit", "rateLimit: 100/s:200"),
		with("no rate limit", "rateLimit: off"),
		with("bad rate limit", "rateLimit: 100", "5: rateLimit: text is expected here, not this number"),
		with("rate limit without burst", "rateLimit: 100/s", "5: rateLimit: not a rate limit"),
		with("users", "basicAuth: {users: env:USERS}"),
		with("no users", "basicAuth: {}", "5: basicAuth.users: is missing"),
		with("users written down", "basicAuth: {users: 'me:$apr1$x'}",
			"5: basicAuth.users: not a reference to a secret; a secret itself must not stand in this file"),
	} {
		e.run(t)
	}
}

func TestValidateAllow(t *testing.T) {
	t.Parallel()
	for _, e := range []serviceEdit{
		with("good", "allow: [10.0.0.0/24, 192.0.2.7/32, 'fd00::/64']"),
		with("nobody", "allow: []", "5: allow: is empty"),
		with("host bits", "allow: [10.0.0.7/24]", "5: allow[0]: has bits set behind its length"),
		with("no length", "allow: [10.0.0.7]", "5: allow[0]: not a network"),
		with("twice", "allow: [10.0.0.0/24, 10.0.0.0/24]", "5: allow[1]: the same as allow[0]"),
		with("everybody", "allow: [0.0.0.0/0, '::/0']", "5: allow[0]: lets everybody in", "5: allow[1]: lets everybody in"),
		with("loopback", "allow: [127.0.0.0/8, '::1/128', 64.0.0.0/2]",
			"5: allow[0]: contains loopback, from where everybody on the tunnel comes",
			"5: allow[1]: contains loopback, from where everybody on the tunnel comes",
			"5: allow[2]: contains loopback, from where everybody on the tunnel comes"),
	} {
		e.run(t)
	}
}

func TestValidateMiddlewares(t *testing.T) {
	t.Parallel()
	const not = "5: middlewares[0]: not a reference to a middleware"
	for _, e := range []serviceEdit{
		with("good", "middlewares: [auth-login@kubernetescrd, kube-system-x-y@kubernetescrd]"),
		with("empty", "middlewares: ['']", not),
		with("no suffix", "middlewares: [auth-login]", not),
		with("file", "middlewares: [auth@file]", not),
		with("two in one", "middlewares: ['auth-a@kubernetescrd,auth-b@kubernetescrd']", not),
		with("no namespace", "middlewares: [auth@kubernetescrd]", not),
		with("capitals", "middlewares: [Auth-login@kubernetescrd]", not),
		with("twice", "middlewares: [a-b@kubernetescrd, a-b@kubernetescrd]", "5: middlewares[1]: the same as middlewares[0]"),
	} {
		e.run(t)
	}
	for m, want := range map[string]string{
		"auth-login": "without the suffix Traefik looks elsewhere: write auth-login@kubernetescrd", "a,b": "write one reference an entry",
		"auth@file": "only Middleware objects of the cluster can be used: NAMESPACE-NAME@kubernetescrd",
		"a.b":       "write NAMESPACE-NAME@kubernetescrd in lower case, with a dash for each dot",
	} {
		if got := middlewareHint(m); got != want {
			t.Errorf("hint for %s is %q, want %q", m, got, want)
		}
	}
}

func TestServicesOfTheSameNameOrHost(t *testing.T) {
	t.Parallel()
	f := newFolder(t, "existing.yaml")
	f.write("services/git.yaml", testdata(t, "service.yaml"), 0o644)
	f.write("services/wiki.yaml", strings.Replace(testdata(t, "service.yaml"), "git.ex", "GIT.ex", 1), 0o644)
	first := "the same as in " + f.path + "/services/git.yaml"
	want := []string{"services/wiki.yaml:3: name: not that of the file", "services/wiki.yaml:3: name: the same as in services/git.yaml",
		"services/wiki.yaml:4: host: the same as in services/git.yaml"}
	f.expect(want...)
	if _, err := f.load(); err == nil || !strings.Contains(err.Error(), first) {
		t.Errorf("%v does not name the first file", err)
	}
	// A wildcard leaves single names to others.
	f.write("services/wiki.yaml", strings.NewReplacer("git.ex", "'*.ex", ".org", ".org'", "name: git", "name: wiki").Replace(testdata(t, "service.yaml")), 0o644)
	f.expect()
}

func TestWordHints(t *testing.T) {
	t.Parallel()
	for word, want := range map[string]string{"pubic": `did you mean "public"?`, "everybody": "write one of these, or leave it out for the default"} {
		f := newFindings("git.yaml")
		if f.checkWord("expose", word, "lan", "public") || f.problems[0].Hint != want {
			t.Errorf("%s: %+v", word, f.problems)
		}
	}
}

func TestServicesNeedK3s(t *testing.T) {
	t.Parallel()
	f := newFolder(t, "existing.yaml")
	f.replace("k3s:\n", "edge: {mode: lan}\n")
	f.write("services/git.yaml", testdata(t, "service.yaml"), 0o644)
	f.expect("k3sedge.yaml:1: k3s: is missing, but there are services", "k3sedge.yaml:16: edge: needs k3s, which is missing")
	f.replace("edge: {mode: lan}", "k3s: {}")
	f.write("services/git.yaml", strings.Replace(testdata(t, "service.yaml"), "to:", "expose: public\nto:", 1), 0o644)
	f.expect("services/git.yaml:5: expose: public, but edge.mode is lan")
}
