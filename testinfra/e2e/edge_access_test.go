//go:build linux

package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"
)

// whoMayCome: those with a password, or from an address.
func whoMayCome(t *testing.T, e *edge) {
	const password = "no-password-of-anybody"
	hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	e.keep("users", append([]byte("ann:"), append(hash, '\n')...))
	e.secrets = append(e.secrets, string(hash), password)
	private := []string{"add-service", "private", "--host", "private.lab.test", "--to", "10.77.0.50:3000", "--basic-auth", "file:" + e.key("users")}
	for _, more := range []string{"--dry-run", "--output=yaml", "--output=json"} {
		e.must(0, append(private, more)...)
	}
	e.refuseSecrets(result{stdout: e.read(e.service("private"))})
	e.keepsNoSecret()
	for _, r := range e.both(http.StatusUnauthorized, "https://private.lab.test/") {
		if !strings.HasPrefix(r.header.Get("Www-Authenticate"), "Basic ") {
			t.Errorf("not asked for a password: %s", r)
		}
	}
	e.both(http.StatusUnauthorized, "https://private.lab.test/", "--user", "ann:wrong")
	for _, r := range e.both(http.StatusOK, "https://private.lab.test/", "--user", "ann:"+password) {
		if strings.Contains(r.body, "Authorization") {
			t.Errorf("the password goes on to the server: %s", r)
		}
	}

	e.must(0, "add-service", "guarded", "--host", "guarded.lab.test", "--to", "10.77.0.50:3000", "--allow", "10.77.0.66/32")
	e.both(http.StatusForbidden, "https://guarded.lab.test/")
	e.both(http.StatusForbidden, "https://guarded.lab.test/", "--header", "X-Forwarded-For: 10.77.0.66")
	for i, n := range e.cluster.Nodes {
		cmd, err := e.lab.StrangerCommand(t.Context(), e.asking(i, "https://guarded.lab.test/")...)
		if err != nil {
			t.Fatal(err)
		}
		if r := curled(t, cmd); r.status != http.StatusOK {
			t.Errorf("who may come, through %s: %s", n.Name, r)
		}
	}
}

// insideKeys names to a server that runs in the LAN where its authority goes.
const insideKeys = "K3SEDGE_E2E_KEYS"

// TestServeTLSInsideTheLAN is no test: it is a server with a certificate that
// no public authority knows, for the names example.com and argocd.lab.test.
func TestServeTLSInsideTheLAN(t *testing.T) {
	dir := os.Getenv(insideKeys)
	if dir == "" {
		t.Skip("is run by TestEdge, inside the lab's LAN")
	}
	listener, err := net.Listen("tcp4", "10.77.0.50:3443")
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "over TLS") }))
	defer s.Close()
	s.Listener.Close()
	s.Listener = listener
	own := selfSigned(t, "example.com", "argocd.lab.test")
	s.TLS = &tls.Config{Certificates: []tls.Certificate{own}}
	s.StartTLS()
	authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: own.Certificate[0]})
	if err := os.WriteFile(filepath.Join(dir, "backend-ca.new"), authority, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(dir, "backend-ca.new"), filepath.Join(dir, "backend-ca.pem")); err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, os.Stdin) // until whoever started it has ended
}

func selfSigned(t *testing.T, names ...string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "a server's own"}, DNSNames: names,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(0, 1, 0), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// serveTLS runs that server until the subtest ends.
func (e *edge) serveTLS() {
	e.t.Helper()
	_ = os.Remove(e.key("backend-ca.pem")) // of an earlier one, whose certificate was another
	cmd, _, _ := e.command(os.Args[0], "-test.run=^TestServeTLSInsideTheLAN$")
	cmd.Env = append(cmd.Env, insideKeys+"="+e.keys)
	stdin, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		e.t.Fatal(err)
	}
	e.t.Cleanup(func() {
		_ = stdin.Close()
		_ = cmd.Wait() // killed with the subtest
	})
	eventually(e.t, "the server with TLS is there", 10*time.Second, func() bool {
		_, err := os.Stat(e.key("backend-ca.pem"))
		return err == nil
	})
}

// backendTLS: a server's certificate is judged, unless the user says otherwise.
func backendTLS(t *testing.T, e *edge) {
	e.serveTLS()
	const page = "https://nas.lab.test/"
	nas := func(more ...string) []string {
		return append([]string{"add-service", "nas", "--host", "nas.lab.test", "--to", "10.77.0.50:3443"}, more...)
	}
	e.trouble(1, 2, []string{"from edge-1", "from edge-2", "--scheme https"}, nas()...)
	e.trouble(1, 2, []string{"example.com", "--insecure-backend"}, nas("--scheme", "https")...)
	e.trouble(1, 2, []string{"example.com", "--server-name"}, nas("--scheme", "https", "--ca", e.key("backend-ca.pem"))...)
	if e.hasFile("nas") {
		t.Error("a service is kept whose servers did not answer")
	}
	over := func() {
		for _, r := range e.both(http.StatusOK, page) {
			if r.body != "over TLS" {
				t.Errorf("not the server's answer: %s", r)
			}
		}
	}
	e.must(0, nas("--scheme", "https", "--ca", e.key("backend-ca.pem"), "--server-name", "example.com")...)
	over()
	// What Traefik trusts is what the probe trusted: another authority is none.
	r := e.must(0, nas("--scheme", "https", "--ca", e.key("ca.crt"), "--server-name", "example.com", "--replace", "--force")...)
	if !strings.Contains(r.stderr, "warning: ") {
		t.Errorf("--force goes on without a word:\n%s", r.stderr)
	}
	for i := range e.cluster.Nodes {
		eventually(t, "Traefik refuses the certificate", 10*time.Second, func() bool { return e.get(i, page).status == http.StatusInternalServerError })
	}
	e.must(0, nas("--scheme", "https", "--insecure-backend", "--replace")...)
	for i := range e.cluster.Nodes {
		eventually(t, "Traefik takes any certificate", 10*time.Second, func() bool { return e.get(i, page).body == "over TLS" })
	}
}
