package cloudflare

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"strings"
	"testing"

	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/testinfra/fakecloudflare"
)

func TestHealth(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakecloudflare.Options{})
	health := func(c Config) Health {
		t.Helper()
		h, err := Observe(c, w.client(t)).Health(t.Context())
		if err != nil || h == nil {
			t.Fatalf("%+v, %v", h, err)
		}
		if h.Good() != (h.Hint() == "") {
			t.Errorf("%s: hint %q", h.Status, h.Hint())
		}
		return *h
	}
	c := config(public("git"))
	if h := health(c); h.Status != absent || h.Name != "k3sedge-home" {
		t.Errorf("%+v", h)
	}
	w.mustRun(t, c)
	if h := health(c); h.Status != "inactive" || h.Version != 1 {
		t.Errorf("%+v", h)
	}
	disconnect, err := w.PretendConnector(w.tunnelID(t))
	if err != nil {
		t.Fatal(err)
	}
	if h := health(c); !h.Good() || len(h.Connectors) != 1 || len(h.Connectors[0].Places) != 4 || h.Connectors[0].Version == "" || h.Connectors[0].Rules != 1 || h.Connectors[0].Origin == "" {
		t.Errorf("%+v", h)
	}
	disconnect()
	if h := health(c); h.Status != "down" {
		t.Errorf("%+v", h)
	}
	c.Cluster = testCluster(inventory.EdgeLAN)
	if h, err := Observe(c, w.client(t)).Health(t.Context()); h != nil || err != nil {
		t.Errorf("%+v, %v", h, err)
	}
}

// With local management the token need not be allowed to see tunnels.
func TestHealthWithoutThePermissionForTunnels(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakecloudflare.Options{})
	w.token = "lab-token-with-few-rights-00000000000000b"
	if err := w.SetToken(fakecloudflare.Token{Value: w.token, Grants: fakecloudflare.Grants(testZone, fakecloudflare.ZoneRead, fakecloudflare.DNSEdit)}); err != nil {
		t.Fatal(err)
	}
	h, err := Observe(local(), w.client(t)).Health(t.Context())
	if err != nil || h.Status != Unknown || h.ID != tunnelUUID || h.Good() || h.Reason != "the token may not look at tunnels" || !strings.Contains(h.Hint(), "Account Cloudflare Tunnel:Read") {
		t.Errorf("%+v, %v", h, err)
	}
	few := w.token
	w.token = "lab-token-with-fewer-rights-000000000000b"
	if err := w.SetToken(fakecloudflare.Token{Value: w.token, Grants: fakecloudflare.Grants(testZone, fakecloudflare.DNSEdit)}); err != nil {
		t.Fatal(err)
	}
	if h, err := Observe(local(), w.client(t)).Health(t.Context()); err == nil || !strings.Contains(hintOf(err), "Zone:Read") {
		t.Errorf("without the zone: %+v, %v", h, err)
	}
	w.token = few
	var lacks *PermissionError
	if _, err := Observe(config(), w.client(t)).Health(t.Context()); !errors.As(err, &lacks) {
		t.Errorf("with remote management: %v", err)
	}
	w.fault(t, fakecloudflare.Fault{Kind: fakecloudflare.Reset})
	for _, c := range []Config{local(), config()} {
		if h, err := Observe(c, w.client(t)).Health(t.Context()); h != nil || !Away(err) || !strings.Contains(hintOf(err), "cloudflarestatus.com") {
			t.Errorf("%+v, %v, hint %q", h, err, hintOf(err))
		}
	}
}

func TestFindings(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakecloudflare.Options{})
	c := config()
	c.Cluster = testCluster(inventory.EdgePortForward)
	for mode, want := range map[string]string{"strict": "", "full": "takes any certificate", "flexible": "round in a circle", "off": "round in a circle"} {
		if err := w.SetZone(testZone, "active", map[string]string{"ssl": mode}); err != nil {
			t.Fatal(err)
		}
		found, err := findings(t.Context(), newView(c, w.client(t)))
		if err != nil || (want == "") != (len(found) == 0) || len(found) > 0 && !strings.Contains(found[0].text, want) {
			t.Errorf("%s: %v, %v", mode, found, err)
		}
		var warned []string
		c.Warn = func(text, hint string) { warned = append(warned, text+hint) }
		if got := w.mustRun(t, c); got.Failed+got.Changed > 0 || len(warned) != len(found) {
			t.Errorf("%s: %+v, warned %q", mode, got, warned)
		}
	}
	if found, err := findings(t.Context(), newView(config(), w.client(t))); len(found) > 0 || err != nil {
		t.Errorf("with a tunnel: %v, %v", found, err)
	}
	w.token = "lab-token-with-few-rights-00000000000000b"
	if err := w.SetToken(fakecloudflare.Token{Value: w.token, Grants: fakecloudflare.Grants(testZone, fakecloudflare.ZoneRead, fakecloudflare.DNSEdit)}); err != nil {
		t.Fatal(err)
	}
	if found, err := findings(t.Context(), newView(c, w.client(t))); err != nil || len(found) != 1 || !strings.Contains(found[0].hint, "Zone Settings:Read") {
		t.Errorf("%v, %v", found, err)
	}
	if len(w.writes()) > 0 {
		t.Errorf("wrote %v", w.writes())
	}
}

func request(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{DNSNames: []string{"git.lab.test"}}, key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}))
}

func TestOriginCertificate(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakecloudflare.Options{})
	r := OriginRequest{CSR: request(t), Hostnames: []string{"git.lab.test"}, Days: 90}
	text, err := OriginCertificate(t.Context(), w.client(t), r)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil || cert.VerifyHostname("git.lab.test") != nil {
		t.Errorf("%v, %v", cert, err)
	}
	r.Hostnames = []string{"git.example.com"}
	if _, err := OriginCertificate(t.Context(), w.client(t), r); err == nil || !strings.Contains(err.Error(), "git.example.com") || hintOf(err) == "" {
		t.Errorf("%v", err)
	}
	w.token = "lab-token-with-few-rights-00000000000000b"
	if err := w.SetToken(fakecloudflare.Token{Value: w.token, Grants: fakecloudflare.Grants(testZone, fakecloudflare.ZoneRead)}); err != nil {
		t.Fatal(err)
	}
	var lacks *PermissionError
	if _, err := OriginCertificate(t.Context(), w.client(t), r); !errors.As(err, &lacks) || !strings.Contains(hintOf(err), "SSL and Certificates:Edit") {
		t.Errorf("%v", err)
	}
	w.token = fakecloudflare.TestToken
	w.fault(t, fakecloudflare.Fault{Kind: fakecloudflare.Half, Path: "/certificates", Count: 1})
	r.Hostnames = []string{"git.lab.test"}
	if _, err := OriginCertificate(t.Context(), w.client(t), r); !Away(err) || !strings.Contains(hintOf(err), "stays") {
		t.Errorf("%v", err)
	}
}
