package certmanager

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/k3sedge/k3sedge/addons/object"
	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/converge"
	"github.com/k3sedge/k3sedge/testinfra/goldenfile"
)

func yamlInto(text []byte, into any) error { return yaml.Unmarshal(text, into) }

func TestUpTwiceWritesOnce(t *testing.T) {
	t.Parallel()
	k := newKube(t)
	c := configOf(t)
	if got := mustRun(t, c, k); got != (converge.Result{Changed: 2, Holds: 1}) {
		t.Errorf("first run: %+v", got)
	}
	before := len(k.Writes())
	// The chart is on the cluster, as we applied it: nobody asks for it again.
	c.Bundled = func(context.Context, string) (string, error) { return "", errors.New("asked for the chart") }
	if got := mustRun(t, c, k); got != (converge.Result{Holds: 3}) || len(k.Writes()) != before {
		t.Errorf("second run: %+v, wrote %v", got, k.Writes()[before:])
	}
	result, err := converge.Run(t.Context(), nil, silent{}, PlanStages(c, k.API())...)
	if err != nil || result.Holds != 3 {
		t.Errorf("plan: %+v, %v", result, err)
	}
	// Who changes it has it put right.
	live := k.Object(ref().Path())
	live["spec"].(map[string]any)["chartContent"] = "AAAA"
	put(t, k, live)
	if _, err := run(t, c, k); err == nil || !strings.Contains(err.Error(), "asked for the chart") {
		t.Errorf("another chart on the cluster: %v", err)
	}
	if got := mustRun(t, configOf(t), k); got.Changed != 1 {
		t.Errorf("put right: %+v", got)
	}
}

// TestNothingWhereNothingIsAskedFor: a cluster without ours is asked once, and
// one with somebody else's is not touched.
func TestNothingWhereNothingIsAskedFor(t *testing.T) {
	t.Parallel()
	theirs := []any{
		in("v1", "Namespace", "", namespace, nil), in("helm.cattle.io/v1", "HelmChart", "kube-system", "cert-manager", nil),
		in("cert-manager.io/v1", "ClusterIssuer", "", staging, doc{"spec": doc{}}), in("v1", "Secret", namespace, tokenSecret, nil),
	}
	for name, tc := range map[string]struct {
		cluster inventory.Cluster
		there   []any
	}{
		"no edge":         {inventory.Cluster{}, nil},
		"no Cloudflare":   {inventory.Cluster{Edge: &inventory.Edge{}}, nil},
		"no certificates": {inventory.Cluster{Edge: &inventory.Edge{Cloudflare: &inventory.Cloudflare{}}}, nil},
		"somebody else's": {inventory.Cluster{Edge: &inventory.Edge{}}, theirs},
	} {
		k, c := newKube(t), Config{Cluster: tc.cluster}
		put(t, k, tc.there...)
		if got := mustRun(t, c, k); Wanted(tc.cluster) || got != (converge.Result{Holds: 1}) || len(k.Requests()) != 1 || len(k.Writes()) > 0 {
			t.Errorf("%s: %+v, asked %v", name, got, k.Requests())
		}
	}
}

// TestTakenAway: where certificates come from elsewhere, ours goes, but for
// what others still need, and for the accounts.
func TestTakenAway(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Config){
		"none":          func(c *Config) { c.Cluster.Edge.Certificates = nil },
		"origin":        func(c *Config) { c.Cluster.Edge.Certificates.Issuer = inventory.IssuerOrigin },
		"no Cloudflare": func(c *Config) { c.Cluster.Edge.Certificates, c.Cluster.Edge.Cloudflare = nil, nil },
		"no edge":       func(c *Config) { c.Cluster.Edge = nil },
	} {
		k, c := newKube(t), configOf(t, own)
		mustRun(t, c, k)
		put(t, k, in("v1", "Secret", namespace, acme+"-account-key", nil))
		change(&c)
		foreign := in("cert-manager.io/v1", "Certificate", "default", "theirs", doc{"spec": doc{"secretName": "x"}})
		put(t, k, foreign)
		if got := mustRun(t, c, k); got != (converge.Result{Holds: 1}) || k.Object(ref().Path()) == nil {
			t.Errorf("%s: while others use it: %+v", name, got)
		}
		k.Remove("/apis/cert-manager.io/v1/namespaces/default/certificates/theirs")
		k.React(nil)
		if got := mustRun(t, c, k); got != (converge.Result{Changed: 1}) {
			t.Errorf("%s: %+v", name, got)
		}
		for _, path := range leftPaths() {
			if k.Object(path) != nil {
				t.Errorf("%s: %s is left", name, path)
			}
		}
		if k.Object("/api/v1/namespaces/cert-manager/secrets/"+acme+"-account-key") == nil {
			t.Errorf("%s: the account is lost", name)
		}
		if got := mustRun(t, c, k); got != (converge.Result{Holds: 1}) {
			t.Errorf("%s: again: %+v", name, got)
		}
	}
}

func TestStrangersAreLeftAlone(t *testing.T) {
	t.Parallel()
	release := doc{"meta.helm.sh/release-name": "cert-manager", "meta.helm.sh/release-namespace": "cert-manager"}
	deployed := func(namespace string, annotations doc) doc {
		o := in("apps/v1", "Deployment", namespace, "cert-manager", doc{"spec": doc{"template": doc{}}})
		o["metadata"].(doc)["labels"] = doc{"app.kubernetes.io/name": "cert-manager"}
		o["metadata"].(doc)["annotations"] = annotations
		return o
	}
	definition := func(annotations doc) doc {
		o := in("apiextensions.k8s.io/v1", "CustomResourceDefinition", "", certificateCRD, doc{"spec": doc{"versions": []any{}}})
		o["metadata"].(doc)["annotations"] = annotations
		return o
	}
	ours := doc{"app.kubernetes.io/managed-by": "k3sedge"}
	space := in("v1", "Namespace", "", namespace, nil)
	space["metadata"].(doc)["labels"] = ours
	for name, tc := range map[string]struct {
		there       []any
		adopt       bool
		want, hints string
	}{
		"by kubectl":               {[]any{deployed("cert-manager", nil)}, false, "Deployment cert-manager/cert-manager", "uninstall"},
		"by kubectl, adopted":      {[]any{deployed("cert-manager", nil)}, true, "Deployment cert-manager/cert-manager", "uninstall"},
		"elsewhere":                {[]any{deployed("infra", nil)}, false, "Deployment infra/cert-manager", "uninstall"},
		"by Helm":                  {[]any{deployed("cert-manager", release), definition(release)}, false, "Helm release", "--adopt"},
		"by Helm, adopted":         {[]any{deployed("cert-manager", release), definition(release)}, true, "", ""},
		"by a HelmChart":           {[]any{in("helm.cattle.io/v1", "HelmChart", "kube-system", "cert-manager", nil)}, false, "HelmChart", "--adopt"},
		"a HelmChart, adopted":     {[]any{in("helm.cattle.io/v1", "HelmChart", "kube-system", "cert-manager", nil)}, true, "", ""},
		"kinds of kubectl":         {[]any{definition(nil)}, false, "CustomResourceDefinitions", "kubectl annotate"},
		"kinds that we left":       {[]any{definition(release)}, false, "", ""},
		"a namespace":              {[]any{in("v1", "Namespace", "", namespace, nil)}, false, "namespace cert-manager", "kubectl label"},
		"a namespace that we have": {[]any{space}, false, "", ""},
	} {
		k := newKube(t)
		put(t, k, tc.there...)
		c := configOf(t)
		c.Adopt = tc.adopt
		_, err := run(t, c, k)
		if (err == nil) != (tc.want == "") || err != nil && (!strings.Contains(err.Error(), tc.want) || !strings.Contains(hintOf(err), tc.hints)) {
			t.Errorf("%s: %v, hint %q", name, err, hintOf(err))
		}
		if tc.want != "" && len(k.Writes()) > 0 {
			t.Errorf("%s: wrote %v", name, k.Writes())
		}
	}
}

func TestChartIsTriedFirst(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ version, templates, want string }{
		"another version": {"v1.19.0", workloads, "version v1.19.0"},
		"no Deployments":  {Package().Version, "a: 1", "no Deployment cert-manager"},
		"kinds not kept":  {Package().Version, strings.Replace(workloads, "crds.keep", "crds.keeps", 1), "all certificates with them"},
		"no nameservers":  {Package().Version, strings.Replace(workloads, "--dns01", "--x", 1), "edge.certificates.nameservers"},
		"fails":           {Package().Version, `{{ fail "not so" }}`, "not so"},
	} {
		k := newKube(t)
		c := configOf(t)
		c.Bundled = bundled(t, packed(t, tc.version, tc.templates))
		if _, err := run(t, c, k); err == nil || !strings.Contains(err.Error(), tc.want) || hintOf(err) == "" || len(k.Writes()) > 0 {
			t.Errorf("%s: %v, wrote %v", name, err, k.Writes())
		}
	}
}

func TestGoldenHome(t *testing.T) {
	t.Parallel()
	values, err := valuesFor(certificates())
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "home", append(home(certificates(own)), helmChart([]byte("tgz"), values)))
}

func golden(t *testing.T, file string, objects []object.Object) {
	t.Helper()
	got, err := object.YAML(objects...)
	if err != nil {
		t.Fatal(err)
	}
	goldenfile.Compare(t, "testdata/"+file+".golden.yaml", got, *update)
}

// TestPortsOfThePolicy: whatever the file names is let out, once.
func TestPortsOfThePolicy(t *testing.T) {
	t.Parallel()
	got := ports(certificates(own, func(c *inventory.Certificates) { c.Nameservers = []string{"10.0.0.1:5353", "10.0.0.2:53"} }))
	var have []string
	for _, p := range got {
		have = append(have, fmt.Sprintf("%s/%d", strings.ToLower(p.Protocol), p.Port))
	}
	const want = "udp/53 tcp/53 udp/5353 tcp/5353 tcp/443 tcp/6443 tcp/14000"
	if strings.Join(have, " ") != want {
		t.Errorf("%v, want %s", have, want)
	}
}
