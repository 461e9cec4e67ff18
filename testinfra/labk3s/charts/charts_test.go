package charts

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"helm.sh/helm/v3/pkg/action"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	appsv1 "k8s.io/api/apps/v1"
	"sigs.k8s.io/yaml"
)

var update = flag.Bool("update", false, "rewrite golden files")

// edgeValues are the values that k3sedge gives the chart, beside K3s' own.
const edgeValues = `
deployment: {kind: DaemonSet, dnsPolicy: ClusterFirstWithHostNet}
hostNetwork: true
updateStrategy: {type: RollingUpdate, rollingUpdate: {maxUnavailable: 1, maxSurge: 0}}
service: {enabled: false}
ports:
  traefik: {port: 8080, hostIP: 127.0.0.1}
  metrics: {port: 9101, hostIP: 127.0.0.1}
  web:
    port: 80
    hostPort: 80
    http: {redirections: {entryPoint: {to: websecure, scheme: https, permanent: true}}}
  websecure:
    asDefault: true
    port: 443
    hostPort: 443
    http: {tls: {enabled: true}}
    transport: {respondingTimeouts: {readTimeout: 0}}
    forwardedHeaders: {trustedIPs: [173.245.48.0/20, "2400:cb00::/32"]}
  tunnel:
    port: 8444
    hostIP: 127.0.0.1
    protocol: TCP
    forwardedHeaders: {trustedIPs: ["127.0.0.1/32"]}
    transport: {respondingTimeouts: {readTimeout: 0}}
providers:
  kubernetesCRD: {allowCrossNamespace: false, allowExternalNameServices: false, allowEmptyServices: true}
  kubernetesIngress: {allowEmptyServices: true, publishedService: {enabled: false}}
ingressRoute: {dashboard: {enabled: true, entryPoints: [traefik]}}
image: {repository: rancher/mirrored-library-traefik, tag: 3.6.12}
securityContext: {allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}}
podSecurityContext: {runAsUser: 65532, runAsGroup: 65532, runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}
additionalArguments: ["--providers.kubernetesingress.ingressendpoint.ip=10.77.0.11"]
`

// render gives the documents that the chart makes of the layers of values.
func render(t *testing.T, layers ...string) (map[string]string, error) {
	t.Helper()
	archive, err := Traefik()
	if err != nil {
		t.Fatal(err)
	}
	c, err := loader.LoadArchive(bytes.NewReader(archive))
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]any{}
	for _, layer := range layers {
		v, err := chartutil.ReadValues([]byte(layer))
		if err != nil {
			t.Fatal(err)
		}
		values = chartutil.MergeTables(v, values)
	}
	install := action.NewInstall(&action.Configuration{})
	install.ClientOnly, install.DryRun, install.ReleaseName, install.Namespace = true, true, "traefik", "kube-system"
	rel, err := install.Run(c, values)
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for _, document := range strings.Split(rel.Manifest, "\n---\n") {
		var about struct{ Kind string }
		if err := yaml.Unmarshal([]byte(document), &about); err != nil {
			t.Fatalf("%v in:\n%s", err, document)
		}
		out[about.Kind] = document
	}
	return out, nil
}

func TestTheEdgesValues(t *testing.T) {
	t.Parallel()
	objects, err := render(t, edgeValues)
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"DaemonSet", "ServiceAccount", "ClusterRole", "ClusterRoleBinding", "IngressClass", "IngressRoute"} {
		if objects[kind] == "" {
			t.Errorf("no %s", kind)
		}
	}
	if objects["Service"] != "" {
		t.Error("a Service in spite of service.enabled: false")
	}
	var set appsv1.DaemonSet
	if err := yaml.UnmarshalStrict([]byte(objects["DaemonSet"]), &set); err != nil {
		t.Fatal(err)
	}
	c := set.Spec.Template.Spec.Containers[0]
	golden(t, "edge.args", strings.Join(c.Args, "\n")+"\n")
	if c.Image != Image+":"+Tag {
		t.Errorf("image %s", c.Image)
	}
	if get := c.ReadinessProbe.HTTPGet; get.Path != "/ping" || get.Host != "127.0.0.1" || get.Port.IntValue() != 8080 {
		t.Errorf("readiness probe %+v", get)
	}
	if !set.Spec.Template.Spec.HostNetwork || *set.Spec.Template.Spec.SecurityContext.RunAsUser != 65532 {
		t.Errorf("pod %+v", set.Spec.Template.Spec)
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs, got:\n%s", name, got)
	}
}

func TestK3sOwnValues(t *testing.T) {
	t.Parallel()
	manifest, err := Manifest()
	if err != nil {
		t.Fatal(err)
	}
	documents := strings.Split(string(manifest), "---\n")
	var c struct {
		Spec struct{ ValuesContent string }
	}
	if err := yaml.Unmarshal([]byte(documents[2]), &c); err != nil {
		t.Fatal(err)
	}
	objects, err := render(t, c.Spec.ValuesContent)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(objects["Deployment"], "ingressendpoint.publishedservice=kube-system/traefik") || objects["Service"] == "" {
		t.Errorf("not what K3s installs: %s", objects["Deployment"])
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ values, want string }{
		"surge left as it is":  {"updateStrategy: {rollingUpdate: {maxUnavailable: 0, maxSurge: 1}}", "maxUnavailable should be greater than 0"},
		"another host port":    {"ports: {web: {hostPort: 8081}}", "All hostPort must match"},
		"redirect to nowhere":  {"ports: {web: {http: {redirections: {entryPoint: {to: nowhere, scheme: https}}}}}", "Cannot redirect web to nowhere"},
		"redirect without TLS": {"ports: {web: {http: {redirections: {entryPoint: {to: websecure, scheme: http}}}}}", "without setting scheme to https"},
		"a Service of nothing": {"service: {enabled: true}\nports: {web: {expose: {default: false}}, websecure: {expose: {default: false}}}", "Cannot create Service traefik without ports"},
		"ACME on a DaemonSet":  {"additionalArguments: [--certificatesresolvers.le.acme.email=a@b]", "ACME needs one place"},
		"latest":               {"image: {tag: latest}", "latest names no version"},
		"no port for probes":   {"ports: {traefik: null}", "ports.traefik is null"},
		"HTTP/3 without TLS":   {"ports: {web: {http3: {enabled: true}}}", "http3 needs"},
		"a dashboard of none":  {"api: {dashboard: false}", "ingressRoute.dashboard needs api.dashboard"},
		"an unknown key":       {"portz: {}", "portz"},
		"a key of chart 33":    {"ports: {web: {redirectTo: {port: websecure}}}", "redirectTo"},
		"a key of chart 34":    {"ports: {web: {redirections: {entryPoint: {to: websecure}}}}", "redirections"},
		"a key of chart 40":    {"providers: {kubernetesIngress: {ingressEndpoint: {ip: 10.0.0.1}}}", "ingressEndpoint"},
		"a key of chart 41":    {"accessLog: {enabled: true}", "accessLog"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := render(t, edgeValues); err != nil {
				t.Fatalf("the values without the fault: %v", err)
			}
			_, err := render(t, edgeValues, tt.values)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestDefinitions(t *testing.T) {
	t.Parallel()
	name, first, err := Definitions([]byte("kind: CustomResourceDefinition\n"))
	if err != nil || name != "traefik-crd-39.0.7+lab1.tgz" {
		t.Fatal(name, err)
	}
	_, second, _ := Definitions([]byte("kind: CustomResourceDefinition\n"))
	if !bytes.Equal(first, second) {
		t.Error("two archives of the same file differ")
	}
	c, err := loader.LoadArchive(bytes.NewReader(first))
	if err != nil || c.Metadata.Version != Version || len(c.Templates) != 1 {
		t.Fatal(c, err)
	}
	if _, _, err := Definitions([]byte("a: {{ .Values.b }}")); err == nil {
		t.Error("a template passed for definitions")
	}
}

func TestStage(t *testing.T) {
	t.Parallel()
	static, manifests := t.TempDir(), t.TempDir()
	err := Stage(static, manifests, nil)
	if errors.Is(err, ErrNotPacked) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(static, "charts", "traefik-39.0.7+lab1.tgz")); err != nil {
		t.Error(err)
	}
	if err := Stage(static, manifests, []string{"servicelb", "traefik"}); err != nil {
		t.Fatal(err)
	}
	if left, _ := os.ReadDir(manifests); len(left) != 0 {
		t.Errorf("disabled, and still there: %v", left)
	}
}
