package certmanager

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/k3sedge/k3sedge/addons/object"
	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/cluster"
	"github.com/k3sedge/k3sedge/provision/converge"
	"github.com/k3sedge/k3sedge/testinfra/fakekube"
)

var update = flag.Bool("update", false, "write the golden files anew")

const canary = "canary-7f3a"

// certificates are those of the file, with the changes that are made to them.
func certificates(changes ...func(*inventory.Certificates)) inventory.Certificates {
	c := inventory.Certificates{
		Issuer: inventory.IssuerProduction, Email: "ops@example.org", Profile: "shortlived", Strategy: inventory.CertPerHost,
		Nameservers: []string{"1.1.1.1:53", "9.9.9.9:53"}, RenewBeforePercentage: 33,
	}
	for _, change := range changes {
		change(&c)
	}
	return c
}

func staged(c *inventory.Certificates) { c.Issuer = inventory.IssuerStaging }

func own(c *inventory.Certificates) {
	c.Issuer, c.Directory, c.CA = inventory.IssuerACME, "https://ca.lan:14000/dir", "file:testdata/ca.pem"
}

// workloads is as much of a chart's templates as we count on. The comment
// stands where cert-manager's own chart has one.
const workloads = `{{- range $d := list "cert-manager" "cert-manager-webhook" "cert-manager-cainjector" }}
---# one of three
apiVersion: apps/v1
kind: Deployment
metadata: {name: {{ $d }}, namespace: {{ $.Release.Namespace }}}
spec:
  template:
    spec:
      containers:
        - args:
          - --leader-election-namespace={{ $.Values.global.leaderElection.namespace }}
          - --dns01-recursive-nameservers={{ $.Values.dns01RecursiveNameservers }}
{{- end }}
{{- if .Values.crds.enabled }}
---
kind: CustomResourceDefinition
metadata:
  name: certificates.cert-manager.io
  {{- if .Values.crds.keep }}
  annotations: {helm.sh/resource-policy: keep}
  {{- end }}
{{- end }}
`

func packed(t *testing.T, version, templates string) []byte {
	t.Helper()
	out, err := fakekube.PackChart(name, map[string]string{
		"Chart.yaml":  "apiVersion: v2\nname: cert-manager\nversion: " + version + "\n",
		"values.yaml": "crds: {}\nglobal: {leaderElection: {}}\ndns01RecursiveNameservers: ''\n", "templates/all.yaml": templates,
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// bundled is a bundle with that chart.
func bundled(t *testing.T, tgz []byte) func(context.Context, string) (string, error) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, Package().File()), tgz, 0o644); err != nil {
		t.Fatal(err)
	}
	return func(_ context.Context, file string) (string, error) { return filepath.Join(dir, file), nil }
}

func configOf(t *testing.T, changes ...func(*inventory.Certificates)) Config {
	t.Helper()
	certs := certificates(changes...)
	return Config{
		Cluster: inventory.Cluster{Edge: &inventory.Edge{
			Mode: inventory.EdgeTunnel, Certificates: &certs,
			Cloudflare: &inventory.Cloudflare{Token: "env:CF", Zones: []string{"example.org"}},
		}},
		Secrets: func(_ context.Context, from inventory.SecretRef) (inventory.Secret, error) {
			return inventory.NewSecret(canary + string(from) + "\n"), nil
		},
		Bundled: bundled(t, packed(t, Package().Version, workloads)),
	}
}

type doc = map[string]any

func in(apiVersion, kind, namespace, name string, more doc) doc {
	out := doc{"apiVersion": apiVersion, "kind": kind, "metadata": doc{"name": name, "namespace": namespace}}
	if namespace == "" {
		delete(out["metadata"].(doc), "namespace")
	}
	for key, value := range more {
		out[key] = value
	}
	return out
}

func put(t *testing.T, k *fakekube.Kube, objects ...any) {
	t.Helper()
	if err := k.Put("test", objects...); err != nil {
		t.Fatal(err)
	}
}

// helm installs what the HelmChart says, as K3s' controller would.
func helm(t *testing.T, k *fakekube.Kube, revision int, status string) {
	t.Helper()
	live := k.Object(ref().Path())
	values, err := valuesFor(certificates())
	if spec, ok := live["spec"].(map[string]any); ok {
		values = []byte(fmt.Sprint(spec["valuesContent"]))
	}
	if err != nil {
		t.Fatal(err)
	}
	given := doc{}
	if err := yamlInto(values, &given); err != nil {
		t.Fatal(err)
	}
	secret, err := fakekube.Release{Name: name, Namespace: namespace, Version: revision, Status: status, Description: "timed out", Chart: Package().Version, Values: given}.Secret()
	if err != nil {
		t.Fatal(err)
	}
	put(t, k, secret)
	for _, d := range deployments() {
		deploy(t, k, d, 1)
	}
}

func deploy(t *testing.T, k *fakekube.Kube, name string, available int) {
	t.Helper()
	k.Remove("/apis/apps/v1/namespaces/" + namespace + "/deployments/" + name) // its generation begins anew
	put(t, k, in("apps/v1", "Deployment", namespace, name, doc{
		"spec":   doc{"replicas": 1, "template": doc{}},
		"status": doc{"observedGeneration": 1, "updatedReplicas": 1, "availableReplicas": available},
	}))
}

// account is what cert-manager says of an issuer.
func account(t *testing.T, k *fakekube.Kube, name, status, message string) {
	t.Helper()
	o := k.Object(object.ClusterIssuer{}.Kind().Path("", name))
	generation := o["metadata"].(map[string]any)["generation"]
	o["status"] = doc{"conditions": []any{doc{"type": "Ready", "status": status, "message": message, "observedGeneration": generation}}}
	put(t, k, o)
}

// newKube is a cluster on which Helm and cert-manager answer to what is applied.
func newKube(t *testing.T) *fakekube.Kube {
	t.Helper()
	k := fakekube.New(fakekube.CertManager()...)
	k.Remove("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/" + certificateCRD)
	k.React(func(path string, o map[string]any) {
		switch {
		case path == ref().Path():
			helm(t, k, 1, "deployed")
		case o["kind"] == "ClusterIssuer":
			account(t, k, path[strings.LastIndex(path, "/")+1:], "True", "The ACME account was registered with the ACME server")
		}
	})
	return k
}

type silent struct{}

func (silent) Report(converge.Event) {}

func run(t *testing.T, c Config, k *fakekube.Kube) (converge.Result, error) {
	t.Helper()
	return converge.Run(t.Context(), nil, silent{}, Stages(c, k.API())...)
}

func mustRun(t *testing.T, c Config, k *fakekube.Kube) converge.Result {
	t.Helper()
	got, err := run(t, c, k)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// only brings one step to hold.
func only(t *testing.T, k *fakekube.Kube, s step) (converge.Result, error) {
	t.Helper()
	return converge.Run(t.Context(), nil, silent{}, converge.Stage{Tracks: []converge.Track{converge.Bind[cluster.Reader, cluster.API]("", k.API(), k.API(), s)}})
}

func hintOf(err error) string {
	var hint interface{ Hint() string }
	if errors.As(err, &hint) {
		return hint.Hint()
	}
	return ""
}
