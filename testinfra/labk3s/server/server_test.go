package server

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/k3sedge/k3sedge/testinfra/labk3s/config"
	"github.com/k3sedge/k3sedge/testinfra/labk3s/control"
	"github.com/k3sedge/k3sedge/testinfra/labk3s/token"
)

func folder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "cred"), 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

// told reads a token as people do.
func told(t *testing.T, dir, name string) token.Token {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	got, err := token.Parse(string(b[:len(b)-1]))
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestTokensOfTheSettings(t *testing.T) {
	t.Parallel()
	dir, ca := folder(t), []byte("ca")
	if _, err := keepTokens(dir, config.Config{Token: token.Full(ca, "server", "s"), AgentToken: "a"}, ca); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]token.Token{
		"token":       {Hash: token.Hash(ca), User: "server", Secret: "s"},
		"node-token":  {Hash: token.Hash(ca), User: "server", Secret: "s"},
		"agent-token": {Hash: token.Hash(ca), User: "node", Secret: "a"},
	} {
		if got := told(t, dir, name); got != want {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
	}
	if _, err := keepTokens(dir, config.Config{Token: "another"}, ca); !errors.Is(err, ErrToken) {
		t.Errorf("another token gives %v", err)
	}
	if _, err := keepTokens(dir, config.Config{}, ca); err != nil {
		t.Fatal(err)
	}
	if got := told(t, dir, "agent-token"); got.User != "server" || got.Secret != "s" {
		t.Errorf("without a token of their own agents use %+v", got)
	}
}

func TestTokensAreMadeOnce(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	first, err := keepTokens(dir, config.Config{}, []byte("ca"))
	if err != nil || first.server == "" || first.agent != first.server {
		t.Fatalf("%+v, %v", first, err)
	}
	if again, err := keepTokens(dir, config.Config{}, []byte("ca")); err != nil || again != first {
		t.Errorf("%+v, %v", again, err)
	}
	for _, bad := range []config.Config{{Token: "K10x::server:s"}, {AgentToken: "K10::x"}} {
		if _, err := keepTokens(folder(t), bad, []byte("ca")); err == nil {
			t.Errorf("%+v was accepted", bad)
		}
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	s := &Server{config: config.Defaults(), name: "edge-1", ip: "10.77.0.11", plane: control.Plane{Advertise: "10.77.0.11"}}
	s.config.TLSSAN = []string{"api.lab.test", "10.77.0.100", "edge-1"}
	n, err := s.names()
	if err != nil {
		t.Fatal(err)
	}
	var ips []string
	for _, ip := range n.IPs {
		ips = append(ips, ip.String())
	}
	if want := []string{"127.0.0.1", "::1", "10.43.0.1", "10.77.0.11", "10.77.0.100"}; !slices.Equal(ips, want) {
		t.Errorf("addresses %q, want %q", ips, want)
	}
	if want := []string{"localhost", "edge-1", "api.lab.test"}; !slices.Equal(n.DNS[len(n.DNS)-3:], want) {
		t.Errorf("names %q", n.DNS)
	}
	s.config.ServiceCIDR = "nonsense"
	if _, err := s.names(); err == nil {
		t.Error("a service-cidr that is none was accepted")
	}
}

func TestPrepareMakesWhatServersShare(t *testing.T) {
	t.Parallel()
	c := config.Defaults()
	c.DataDir, c.SecretsEncryption = t.TempDir(), true
	dir := filepath.Join(c.DataDir, "server")
	staged := false
	s := &Server{
		config: c, name: "edge-1", ip: "10.77.0.11", dir: dir,
		plane: control.Plane{Config: c, Dir: dir, Advertise: "10.77.0.11"},
		parts: Parts{Stage: func(static, manifests string, _ []string) error {
			staged = static == filepath.Join(dir, "static") && manifests == filepath.Join(dir, "manifests")
			return nil
		}},
	}
	e, err := s.prepare(t.Context())
	if err != nil || e.Name != "edge-1" || e.Cluster != "" || !staged {
		t.Fatalf("%+v, staged %v, %v", e, staged, err)
	}
	files, err := s.shared()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"tls/server-ca.key", "tls/service.key", "cred/passwd", "cred/encryption-config.json"} {
		if len(files[name]) == 0 {
			t.Errorf("%s is not shared", name)
		}
	}
	s.config.Server = "https://10.77.0.11:6443"
	if _, err := s.member(t.Context()); !errors.Is(err, ErrJoinToken) {
		t.Errorf("joining without a token gives %v", err)
	}
}

func TestAPIServers(t *testing.T) {
	t.Parallel()
	port := int32(6443)
	client := fake.NewClientset(&discovery.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{Name: "kubernetes", Namespace: corev1.NamespaceDefault},
		Endpoints:  []discovery.Endpoint{{Addresses: []string{"10.77.0.11"}}, {Addresses: []string{"10.77.0.12"}}},
		Ports:      []discovery.EndpointPort{{Port: &port}},
	})
	got, err := apiServers(t.Context(), client)
	if want := []string{"10.77.0.11:6443", "10.77.0.12:6443"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := apiServers(t.Context(), fake.NewClientset()); err == nil {
		t.Error("no servers is no answer")
	}
}

func TestAnOverlayThatIsNotThereIsRefused(t *testing.T) {
	t.Parallel()
	c := config.Defaults()
	c.FlannelBackend = "wireguard-native"
	if err := Run(t.Context(), c, Parts{}); !errors.Is(err, ErrBackend) {
		t.Errorf("got %v", err)
	}
}
