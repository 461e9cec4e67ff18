//go:build linux

package lab

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/testinfra/fakecloudflare"
)

// emptyLab is one that is not up, with its state in a folder of the test's.
func emptyLab(t *testing.T, options ...Option) *Lab {
	t.Helper()
	base, err := os.MkdirTemp("", "k3lab-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(base) })
	l, err := Open("t", append(options, WithState(base))...)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(l.state, 0o700); err != nil {
		t.Fatal(err)
	}
	return l
}

func TestTheLabsAuthorityIsMadeOnce(t *testing.T) {
	t.Parallel()
	l := emptyLab(t)
	first, err := l.authority()
	if err != nil {
		t.Fatal(err)
	}
	again, err := l.authority()
	if err != nil || string(again.PEM()) != string(first.PEM()) {
		t.Errorf("the second time it is another one, or none: %v", err)
	}
	if text, err := os.ReadFile(l.CAFile()); err != nil || string(text) != string(first.PEM()) {
		t.Errorf("what is to be trusted is not in %s: %v", l.CAFile(), err)
	}
	pair, err := tls.LoadX509KeyPair(filepath.Join(l.state, acmeFile), filepath.Join(l.state, acmeKeyFile))
	if err != nil || pair.Leaf.VerifyHostname(AcmeHost) != nil {
		t.Errorf("the ACME server's certificate: %v", err)
	}
	if err := os.WriteFile(l.CAFile(), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := l.authority(); err == nil {
		t.Error("half an authority is taken")
	}
}

func TestTheLabsCloudflare(t *testing.T) {
	t.Parallel()
	l := emptyLab(t)
	s, err := l.newCloud()
	if err != nil {
		t.Fatal(err)
	}
	token, err := l.Cloudflare().Token()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.AddRecord(fakecloudflare.Record{Name: "a." + Zone, Type: "A", Content: "192.0.2.1"}); err != nil {
		t.Fatal(err)
	}
	if s, err = l.newCloud(); err != nil || len(s.Records(Zone)) != 1 {
		t.Errorf("the next daemon does not find the record: %v", err)
	}
	zone := "/client/v4/zones"
	for path, want := range map[string]int{
		zone + "?name=" + Zone: http.StatusOK,
		"/client/v4/accounts/" + fakecloudflare.TestAccount + "/cfd_tunnel": http.StatusOK,
		"/client/v4/certificates?zone_id=0":                                 http.StatusForbidden, // k3sedge asks for no such right
	} {
		r := httptest.NewRequest("GET", "https://"+fakecloudflare.APIHost+path, nil)
		r.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		if s.ServeHTTP(w, r); w.Code != want {
			t.Errorf("%s: %d %s, want %d", path, w.Code, w.Body, want)
		}
	}
}

func TestOrdersToCloudflare(t *testing.T) {
	t.Parallel()
	c := emptyLab(t).Cloudflare()
	for _, words := range [][]string{nil, {"rain"}, {"records", "x"}, {"fault"}, {"delete-tunnel"}} {
		if _, err := c.Shell(t.Context(), words...); !errors.Is(err, ErrOrder) {
			t.Errorf("%v: %v", words, err)
		}
	}
	if _, err := c.Shell(t.Context(), "fault", "{"); err == nil || errors.Is(err, ErrOrder) {
		t.Errorf("half a fault: %v", err)
	}
	if words := CloudflareOrders(); len(words) != len(cloudOrders()) || !strings.Contains(strings.Join(words, ", "), "fault JSON") {
		t.Errorf("orders %v", words)
	}
}

func TestTheACMEServerComesFromTheBundle(t *testing.T) {
	t.Parallel()
	if run, err := emptyLab(t).acme(); err != nil || run != nil {
		t.Errorf("without a bundle: %v", err)
	}
	bundle := t.TempDir()
	if run, err := emptyLab(t, WithBundle(bundle)).acme(); err != nil || run != nil {
		t.Errorf("a bundle without one: %v", err)
	}
	if err := os.WriteFile(filepath.Join(bundle, acmeProgram), []byte("#!/bin/sh\necho \"$@\"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	l := emptyLab(t, WithBundle(bundle))
	run, err := l.acme()
	if err != nil || run == nil {
		t.Fatalf("a bundle with one: %v", err)
	}
	if err := run(t.Context()); !errors.Is(err, errEnded) {
		t.Errorf("one that ends by itself: %v", err)
	}
	said, err := os.ReadFile(filepath.Join(l.state, "pebble.log"))
	if err != nil || string(said) != "-config "+filepath.Join(l.state, "pebble.json")+" -dnsserver 10.77.0.5:53\n" {
		t.Errorf("it was started with %q, %v", said, err)
	}
	var config struct {
		Pebble struct{ ListenAddress string }
	}
	text, err := l.acmeConfig()
	if err != nil || json.Unmarshal(text, &config) != nil || config.Pebble.ListenAddress != "10.77.0.6:14000" {
		t.Errorf("its file: %s, %v", text, err)
	}
}

func TestAProjectAtCloudflare(t *testing.T) {
	t.Parallel()
	l, dir := emptyLab(t), t.TempDir()
	if _, err := l.authority(); err != nil {
		t.Fatal(err)
	}
	e, files := inventory.Edge{Mode: inventory.EdgeTunnel}, map[string][]byte{}
	if err := l.atCloudflare(&e, dir, files); err != nil {
		t.Fatal(err)
	}
	c := cluster(Status{Name: "t", TLSPin: "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", ImageChecksum: "sha512:" + strings.Repeat("a", 128)}, "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ3uFH1lYkXx0hEXOXmE+SaVHZPPcCXoC2LyeWM1Q5Pm t", dir)
	c.K3s, c.Edge = &inventory.K3s{Version: K3sVersion, Bundle: dir}, &e
	private, public, err := newIdentity(t.Context(), "t")
	if err != nil {
		t.Fatal(err)
	}
	files[identityFile], c.SSH.AuthorizedKeys = private, []string{strings.TrimSpace(string(public))}
	if files["k3sedge.yaml"], err = encode(c); err != nil {
		t.Fatal(err)
	}
	if err := writeProject(dir, files); err != nil {
		t.Fatal(err)
	}
	project, err := inventory.Load(filepath.Join(dir, "k3sedge.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	got := project.Cluster
	if got.Edge.Cloudflare.Zones[0] != Zone || got.Edge.Certificates.Directory != AcmeDirectory || got.Network.DNS[0].String() != CloudflareIP {
		t.Errorf("%+v, %+v, DNS %v", got.Edge.Cloudflare, got.Edge.Certificates, got.Network.DNS)
	}
}
