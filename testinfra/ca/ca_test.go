package ca

import (
	"crypto/x509"
	"encoding/pem"
	"testing"
	"time"
)

func leaf(t *testing.T, text []byte) *x509.Certificate {
	t.Helper()
	block, _ := pem.Decode(text)
	if block == nil {
		t.Fatal("no PEM")
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func TestIssuedCertificatesAreTrustedAfterAReload(t *testing.T) {
	t.Parallel()
	first, err := New("lab")
	if err != nil {
		t.Fatal(err)
	}
	cert, key, err := first.Encode()
	if err != nil {
		t.Fatal(err)
	}
	second, err := Parse(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := second.Pair("api.lab.test", "10.77.0.5")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"api.lab.test", "10.77.0.5"} {
		if _, err := pair.Leaf.Verify(x509.VerifyOptions{Roots: first.Pool(), DNSName: name}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := pair.Leaf.Verify(x509.VerifyOptions{Roots: first.Pool(), DNSName: "other.lab.test"}); err == nil {
		t.Error("a certificate is good for a name that it does not have")
	}
}

func TestSignKeepsToTheValidity(t *testing.T) {
	t.Parallel()
	c, err := New("lab")
	if err != nil {
		t.Fatal(err)
	}
	other, err := New("another")
	if err != nil {
		t.Fatal(err)
	}
	text, err := c.Sign(other.key.Public(), 7*24*time.Hour, "*.lab.test")
	if err != nil {
		t.Fatal(err)
	}
	cert := leaf(t, text)
	if left := time.Until(cert.NotAfter); left > 7*24*time.Hour || left < 6*24*time.Hour {
		t.Errorf("good for %s", left)
	}
	if _, err := cert.Verify(x509.VerifyOptions{Roots: other.Pool(), DNSName: "a.lab.test"}); err == nil {
		t.Error("another authority vouches for it")
	}
}

func TestParseRefusesWhatIsNoAuthority(t *testing.T) {
	t.Parallel()
	c, err := New("lab")
	if err != nil {
		t.Fatal(err)
	}
	cert, key, err := c.Issue("a.lab.test")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Parse(cert, key); err == nil {
		t.Error("a server's certificate passes for an authority")
	}
	if _, err := Parse([]byte("no"), []byte("no")); err == nil {
		t.Error("nonsense passes for an authority")
	}
}

func TestAClientMayLogInAndServeNobody(t *testing.T) {
	t.Parallel()
	c, err := New("lab")
	if err != nil {
		t.Fatal(err)
	}
	text, key, err := c.Client("system:admin", "system:masters")
	if err != nil || len(key) == 0 {
		t.Fatal(err)
	}
	cert := leaf(t, text)
	if cert.Subject.CommonName != "system:admin" || len(cert.Subject.Organization) != 1 || cert.Subject.Organization[0] != "system:masters" {
		t.Errorf("subject %v", cert.Subject)
	}
	for usage, want := range map[x509.ExtKeyUsage]bool{x509.ExtKeyUsageClientAuth: true, x509.ExtKeyUsageServerAuth: false} {
		if _, err := cert.Verify(x509.VerifyOptions{Roots: c.Pool(), KeyUsages: []x509.ExtKeyUsage{usage}}); (err == nil) != want {
			t.Errorf("usage %d: %v", usage, err)
		}
	}
}
