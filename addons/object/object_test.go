package object

import (
	"encoding/json"
	"flag"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/testinfra/goldenfile"
)

var update = flag.Bool("update", false, "write the golden files anew")

const canary = "canary-7f3a"

// all is one object of each kind.
func all() []Object {
	in := func(name string) Meta {
		return Meta{Name: name, Namespace: "edge-git", Labels: map[string]string{ForService: "git"}}
	}
	return []Object{
		Namespace{Meta: Meta{Name: "edge-git"}},
		Secret{Meta: in("git-users"), Type: "Opaque", Data: map[string][]byte{"ca.crt": []byte("PEM")}, Hidden: map[string]inventory.Secret{"users": inventory.NewSecret(canary)}},
		Service{Meta: in("git"), Spec: ServiceSpec{ClusterIP: "None", Ports: []ServicePort{{"http", 3000, "TCP"}}}},
		EndpointSlice{Meta: in("git-1"), AddressType: "IPv4", Ports: []EndpointPort{{"http", 3000, "TCP"}}, Endpoints: []Endpoint{{[]string{"10.0.0.20"}, Conditions{Ready: true, Serving: true}}}},
		Middleware{Meta: in("rate"), Spec: MiddlewareSpec{RateLimit: &RateLimit{100, "1s", 200, SourceCriterion{IPStrategy: &IPStrategy{IPv6Subnet: 64}}}}},
		MiddlewareTCP{Meta: in("allow"), Spec: MiddlewareTCPSpec{IPAllowList{[]string{"10.0.0.0/24"}}}},
		IngressRouteTCP{Meta: in("git"), Spec: IngressRouteTCPSpec{
			[]string{"websecure"}, []RouteTCP{{"HostSNI(`git.example.org`)", []MiddlewareRef{{"allow"}}, []ServiceTCP{{"git", "https"}}}}, RouteTLS{true},
		}},
		TLSOption{Meta: in("tls"), Spec: TLSOptionSpec{MinVersion: "VersionTLS12", CipherSuites: []string{"A"}, SNIStrict: true}},
		ServersTransport{Meta: in("backend"), Spec: ServersTransportSpec{ServerName: "off", RootCAs: []RootCA{{"ca"}}, ForwardingTimeouts: ForwardingTimeouts{"5s"}}},
		NetworkPolicy{Meta: in("closed"), Spec: NetworkPolicySpec{map[string]string{}, []string{"Ingress", "Egress"}, []PortRule{{[]PolicyPort{{10250, "TCP"}}}}, []PortRule{{[]PolicyPort{{53, "UDP"}}}}}},
		HelmChart{Meta: in("cert-manager"), Spec: HelmChartSpec{[]byte("tgz"), "a: 1\n", "cert-manager", "abort"}},
		Certificate{Meta: in("git-tls"), Spec: CertificateSpec{
			SecretName: "git-tls", DNSNames: []string{"git.example.org"}, PrivateKey: PrivateKey{"ECDSA", 256, "Always"},
			RenewBeforePercentage: 33, RevisionHistoryLimit: 2, IssuerRef: ClusterIssuerRef("staging"),
		}},
		ClusterIssuer{Meta: Meta{Name: "staging"}, Spec: ClusterIssuerSpec{ACME{
			Server: "https://ca.lan/dir", CABundle: []byte("PEM"), PrivateKeySecretRef: SecretKey{Name: "account"},
			Solvers: []Solver{{SolverSelector{[]string{"example.org"}}, DNS01{DNS01Cloudflare{SecretKey{"token", "api-token"}}}}},
		}}},
		TLSStore{Meta: in("default"), Spec: TLSStoreSpec{[]StoredCertificate{{"example.org-tls"}}}},
		ServiceAccount{Meta: in("git")},
		ConfigMap{Meta: in("git"), Data: map[string]string{"a.yaml": "a: 1\n"}},
		DaemonSet{Meta: in("git"), Spec: DaemonSetSpec{
			Selector: Selector{map[string]string{"app": "git"}}, UpdateStrategy: UpdateStrategy{"RollingUpdate", RollingUpdate{1, 0}},
			Template: PodTemplate{PodMeta{Labels: map[string]string{"app": "git"}}, PodSpec{
				ServiceAccountName: "git", HostNetwork: true, DNSPolicy: "ClusterFirstWithHostNet", SecurityContext: PodSecurityContext{true, 1, 1, 1, SeccompProfile{"RuntimeDefault"}},
				Tolerations: []Toleration{{"a", "Exists", "NoSchedule"}}, Volumes: []Volume{{"c", &ConfigMapVolume{"git"}, nil}, {"s", nil, &SecretVolume{"git"}}},
				Containers: []Container{{
					Name: "git", Image: "git:1", ImagePullPolicy: "IfNotPresent", Args: []string{"run"}, Env: []EnvVar{{"T", EnvSource{KeyRef{"git", "t"}}}},
					Resources: Resources{map[string]string{"cpu": "10m"}}, ReadinessProbe: &Probe{HTTPGet{"127.0.0.1", "/ready", 2000}, 10, 3},
					SecurityContext: SecurityContext{Capabilities: Capabilities{[]string{"ALL"}}}, VolumeMounts: []VolumeMount{{"c", "/c", true}},
				}},
			}},
		}},
		SealedSecret{Meta: in("git-users"), Spec: SealedSecretSpec{map[string]string{"users": "AgAB"}, SecretTemplate{Meta{Name: "git-users", Namespace: "edge-git"}, "Opaque"}}},
		HelmChartConfig{Meta: in("traefik"), Spec: HelmChartConfigSpec{"abort", "a: 1\nb: \"2\"\n"}},
		Ingress{Meta: Meta{Name: "git", Namespace: "edge-git", Annotations: map[string]string{"tls": "true"}}, Spec: IngressSpec{
			IngressClassName: "traefik", TLS: []IngressTLS{{[]string{"*.example.org"}, "git-tls"}},
			Rules: []IngressRule{{"*.example.org", IngressHTTP{[]IngressPath{{"/", "Prefix", IngressBackend{IngressService{"git", IngressPort{"http"}}}}}}}},
		}},
	}
}

func TestGoldenYAML(t *testing.T) {
	t.Parallel()
	got, err := YAML(all()...)
	if err != nil {
		t.Fatal(err)
	}
	goldenfile.Compare(t, "testdata/all.golden.yaml", got, *update)
}

// TestYAMLSaysWhatTheAPIIsTold compares the two forms, but for the secrets.
func TestYAMLSaysWhatTheAPIIsTold(t *testing.T) {
	t.Parallel()
	for _, o := range all() {
		sent, err := ToCluster(o)
		if err != nil {
			t.Fatal(err)
		}
		text, err := YAML(o)
		if err != nil {
			t.Fatal(err)
		}
		var read any
		if err := yaml.Unmarshal(text, &read); err != nil {
			t.Fatal(err)
		}
		again, err := json.Marshal(read)
		if err != nil {
			t.Fatal(err)
		}
		var sentDoc any
		if err := json.Unmarshal(sent.JSON, &sentDoc); err != nil {
			t.Fatalf("%s: %v", sent.Path, err)
		}
		whole, err := json.Marshal(sentDoc)
		if err != nil {
			t.Fatal(err)
		}
		masked := strings.Replace(string(whole), `"Y2FuYXJ5LTdmM2E="`, `"***"`, 1)
		if masked != string(again) {
			t.Errorf("%s: the API is told\n%s\nand people\n%s", sent.Path, masked, again)
		}
	}
}

func TestSecretsAreHiddenFromAllButTheAPI(t *testing.T) {
	t.Parallel()
	secret := all()[1]
	shown, err := Shown(secret)
	if err != nil {
		t.Fatal(err)
	}
	for _, form := range []string{canary, "Y2FuYXJ5LTdmM2E="} {
		if strings.Contains(string(shown), form) {
			t.Errorf("shown: %s", shown)
		}
	}
	sent, err := ToCluster(secret)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(sent.JSON), `"users":"Y2FuYXJ5LTdmM2E="`) {
		t.Errorf("the API is not told: %s", sent.JSON)
	}
}

func TestChecksum(t *testing.T) {
	t.Parallel()
	sum := func(o Object) string {
		s, err := Checksum(o)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	a := Namespace{Meta: Meta{Name: "a"}}
	b := Namespace{Meta: Meta{Name: "a", Labels: map[string]string{"x": "y"}}}
	if first, again := sum(a), sum(a); first != again || first == sum(b) {
		t.Errorf("%s and %s", sum(a), sum(b))
	}
	if len(b.Labels) != 1 || b.Annotations != nil {
		t.Errorf("rendering has changed the object: %+v", b)
	}
}

// TestAnnotationsForOthers do not count for the checksum.
func TestAnnotationsForOthers(t *testing.T) {
	t.Parallel()
	o := all()[0]
	sum, err := Checksum(o)
	if err != nil {
		t.Fatal(err)
	}
	text, err := Annotated(o, map[string]string{"wave": "1"})
	if err != nil || !strings.Contains(string(text), `    wave: "1"`) || !strings.Contains(string(text), sum) {
		t.Errorf("%v\n%s", err, text)
	}
}

func TestPhases(t *testing.T) {
	t.Parallel()
	for kind, want := range map[Kind]int{
		Namespace{}.Kind(): PhaseNamespaces, Middleware{}.Kind(): PhaseParts, Service{}.Kind(): PhaseParts,
		Ingress{}.Kind(): PhaseRoutes, IngressRouteTCP{}.Kind(): PhaseRoutes,
	} {
		if got := Phase(kind); got != want {
			t.Errorf("%s: %d, want %d", kind.Name, got, want)
		}
	}
}

func TestPaths(t *testing.T) {
	t.Parallel()
	want := map[string]string{
		"Namespace":        "/api/v1/namespaces/edge-git",
		"ServiceAccount":   "/api/v1/namespaces/edge-git/serviceaccounts/git",
		"ConfigMap":        "/api/v1/namespaces/edge-git/configmaps/git",
		"DaemonSet":        "/apis/apps/v1/namespaces/edge-git/daemonsets/git",
		"Secret":           "/api/v1/namespaces/edge-git/secrets/git-users",
		"Service":          "/api/v1/namespaces/edge-git/services/git",
		"EndpointSlice":    "/apis/discovery.k8s.io/v1/namespaces/edge-git/endpointslices/git-1",
		"Middleware":       "/apis/traefik.io/v1alpha1/namespaces/edge-git/middlewares/rate",
		"MiddlewareTCP":    "/apis/traefik.io/v1alpha1/namespaces/edge-git/middlewaretcps/allow",
		"IngressRouteTCP":  "/apis/traefik.io/v1alpha1/namespaces/edge-git/ingressroutetcps/git",
		"TLSOption":        "/apis/traefik.io/v1alpha1/namespaces/edge-git/tlsoptions/tls",
		"ServersTransport": "/apis/traefik.io/v1alpha1/namespaces/edge-git/serverstransports/backend",
		"SealedSecret":     "/apis/bitnami.com/v1alpha1/namespaces/edge-git/sealedsecrets/git-users",
		"HelmChartConfig":  "/apis/helm.cattle.io/v1/namespaces/edge-git/helmchartconfigs/traefik",
		"NetworkPolicy":    "/apis/networking.k8s.io/v1/namespaces/edge-git/networkpolicies/closed",
		"HelmChart":        "/apis/helm.cattle.io/v1/namespaces/edge-git/helmcharts/cert-manager",
		"Certificate":      "/apis/cert-manager.io/v1/namespaces/edge-git/certificates/git-tls",
		"ClusterIssuer":    "/apis/cert-manager.io/v1/clusterissuers/staging",
		"TLSStore":         "/apis/traefik.io/v1alpha1/namespaces/edge-git/tlsstores/default",
		"Ingress":          "/apis/networking.k8s.io/v1/namespaces/edge-git/ingresses/git",
	}
	for _, o := range all() {
		if got := Path(o); got != want[o.Kind().Name] {
			t.Errorf("%s: %s, want %s", o.Kind().Name, got, want[o.Kind().Name])
		}
	}
	k := Ingress{}.Kind()
	if k.List() != "/apis/networking.k8s.io/v1/ingresses" || k.ListIn("a") != "/apis/networking.k8s.io/v1/namespaces/a/ingresses" {
		t.Errorf("lists %s and %s", k.List(), k.ListIn("a"))
	}
	if list := (Namespace{}).Kind().List(); list != "/api/v1/namespaces" {
		t.Errorf("list %s", list)
	}
}
