package addons

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"math/big"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/converge"
	"github.com/k3sedge/k3sedge/testinfra/fakekube"
)

// originCA signs as Cloudflare's Origin CA does, or not.
type originCA struct {
	asked atomic.Int64
	life  time.Duration
	hosts []string // others than those that were asked for
	err   error
}

func (a *originCA) Sign(_ context.Context, csr []byte, hosts []string, days int) ([]byte, error) {
	a.asked.Add(1)
	if a.err != nil {
		return nil, a.err
	}
	block, _ := pem.Decode(csr)
	request, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		return nil, err
	}
	if err := request.CheckSignature(); err != nil || request.DNSNames[0] != hosts[0] || days != 1095 {
		return nil, errors.Join(err, errors.New("not what was asked for"))
	}
	if a.hosts != nil {
		hosts = a.hosts
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	cert := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "CloudFlare Origin Certificate"}, DNSNames: hosts,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(a.life)}
	der, err := x509.CreateCertificate(rand.Reader, cert, &x509.Certificate{Subject: pkix.Name{CommonName: "x"}}, request.PublicKey, key)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), err
}

const gitSecret = "/api/v1/namespaces/edge-git/secrets/git-tls"

func originConfig(a *originCA, services ...inventory.Service) Config {
	c := testConfig(services...)
	c.Cluster, c.Signer = certified(byOrigin), a
	c.Cluster.Edge.Mode = inventory.EdgePortForward
	return c
}

// keptPair is the certificate that is in the cluster.
func keptPair(t *testing.T, k *fakekube.Kube) (tls.Certificate, string) {
	t.Helper()
	o := k.Object(gitSecret)
	if o == nil || o["type"] != "kubernetes.io/tls" {
		t.Fatalf("the secret is %v", o)
	}
	data := o["data"].(map[string]any)
	part := func(key string) []byte {
		text, err := base64.StdEncoding.DecodeString(data[key].(string))
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	pair, err := tls.X509KeyPair(part("tls.crt"), part("tls.key"))
	if err != nil {
		t.Fatal(err)
	}
	return pair, data["tls.key"].(string)
}

// TestFromZonesToOriginWithoutAGap: the certificate of the zone is shown until
// Cloudflare's Origin CA has signed another.
func TestFromZonesToOriginWithoutAGap(t *testing.T) {
	t.Parallel()
	const store = "/apis/traefik.io/v1alpha1/namespaces/k3sedge-system/tlsstores/default"
	k, a := certKube(t), &originCA{life: 1000 * time.Hour, err: errors.New("not now")}
	c := originConfig(a, testService(public))
	zones := c
	zones.Cluster = certified(byZone)
	zones.Cluster.Edge.Mode = inventory.EdgePortForward
	mustRun(t, zones, k)
	if _, _, err := run(t, c, k); !errors.Is(err, a.err) || k.Object(store) == nil {
		t.Errorf("%v; there is %v", err, k.Paths())
	}
	a.err = nil
	if mustRun(t, c, k); k.Object(store) != nil || k.Object(gitSecret) == nil {
		t.Errorf("there is %v", k.Paths())
	}
	if got := mustRun(t, c, k); got.Changed != 0 {
		t.Errorf("again: %+v", got)
	}
}

func TestOriginCertificate(t *testing.T) {
	t.Parallel()
	k, a := newKube(t), &originCA{life: 1000 * time.Hour}
	c := originConfig(a, testService(public), named("sso", passthrough))
	result, text, err := run(t, c, k)
	if err != nil || result != (converge.Result{Holds: 2, Changed: 2}) || a.asked.Load() != 1 {
		t.Fatalf("%+v, %v, asked %d times\n%s", result, err, a.asked.Load(), text)
	}
	pair, key := keptPair(t, k)
	if pair.Leaf.DNSNames[0] != "git.example.org" || strings.Contains(text, key) {
		t.Errorf("%v; or the key is told:\n%s", pair.Leaf.DNSNames, text)
	}
	if got := mustRun(t, c, k); got != (converge.Result{Holds: 4}) || a.asked.Load() != 1 {
		t.Errorf("second run: %+v, asked %d times", got, a.asked.Load())
	}
	// Another host has another one; so has one whose time runs out.
	c.Services[0].Host = "code.example.org"
	mustRun(t, c, k)
	if pair, _ := keptPair(t, k); pair.Leaf.DNSNames[0] != "code.example.org" || a.asked.Load() != 2 {
		t.Errorf("for %v, asked %d times", pair.Leaf.DNSNames, a.asked.Load())
	}
	// Without certificates of ours the secret is the user's, and stays as it is.
	c.Cluster.Edge.Certificates = nil
	mustRun(t, c, k)
	keptPair(t, k)
	c.Services = nil
	mustRun(t, c, k)
	if left := ofServices(k); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

func TestOriginTrouble(t *testing.T) {
	t.Parallel()
	key, csr, err := request("git.example.org")
	if err != nil {
		t.Fatal(err)
	}
	cert, err := (&originCA{life: 99 * time.Hour}).Sign(t.Context(), csr, []string{"git.example.org"}, originDays)
	if err != nil {
		t.Fatal(err)
	}
	secret := func(cert, key []byte) []byte {
		out, err := json.Marshal(map[string]any{"data": map[string][]byte{"tls.crt": cert, "tls.key": key}})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	good := secret(cert, []byte(key.Reveal()))
	for name, tc := range map[string]struct {
		raw  []byte
		host string
		in   time.Duration
		want string
	}{
		"good":         {good, "git.example.org", 0, ""},
		"a third left": {good, "git.example.org", 68 * time.Hour, "expires in 1 days"},
		"expired":      {good, "git.example.org", 100 * time.Hour, "expired at"},
		"other host":   {good, "wiki.example.org", 0, "for another host"},
		"no key":       {secret(cert, nil), "git.example.org", 0, "not a certificate and its key"},
		"nothing":      {[]byte("{}"), "git.example.org", 0, "not a certificate and its key"},
	} {
		got, err := originTrouble(tc.raw, tc.host, 33, time.Now().Add(tc.in))
		if err != nil || (got == "") != (tc.want == "") || !strings.HasPrefix(got, tc.want) {
			t.Errorf("%s: %q, %v, want %q", name, got, err, tc.want)
		}
	}
	if _, err := originTrouble([]byte("["), "", 33, time.Now()); err == nil {
		t.Error("what is no secret is judged")
	}
}

// What cannot be signed leaves the certificate in use alone.
func TestOriginThatIsNotSigned(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		now  *originCA
		want string
	}{
		"refused":     {&originCA{err: errors.New("no permission")}, "no permission"},
		"other hosts": {&originCA{life: time.Hour, hosts: []string{"example.net"}}, "not what was asked for"},
	} {
		k := newKube(t)
		mustRun(t, originConfig(&originCA{life: 100 * time.Hour}, testService()), k)
		before, _ := keptPair(t, k)
		_, _, err := run(t, originConfig(tc.now, testService(at("code.example.org"))), k)
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v", name, err)
		}
		if after, _ := keptPair(t, k); !after.Leaf.Equal(before.Leaf) {
			t.Errorf("%s: it was replaced", name)
		}
	}
	c := originConfig(nil, testService())
	c.Signer = nil
	if _, _, err := run(t, c, newKube(t)); err == nil || !strings.Contains(err.Error(), "nobody signs") {
		t.Errorf("%v", err)
	}
}

// A secret of the user's is not written over; one of cert-manager's is.
func TestOriginAndOtherSecrets(t *testing.T) {
	t.Parallel()
	for name, of := range map[string]map[string]any{"the user's": {}, "cert-manager's": {"cert-manager.io/certificate-name": "git-tls"}} {
		k := newKube(t)
		mustRun(t, testConfig(testService()), k)
		there := manifest("v1", "Secret", "edge-git", "git-tls", map[string]any{"type": "kubernetes.io/tls", "data": map[string]any{"tls.crt": "", "tls.key": ""}})
		there["metadata"].(map[string]any)["annotations"] = of
		put(t, k, there)
		_, _, err := run(t, originConfig(&originCA{life: 100 * time.Hour}, testService()), k)
		if (err == nil) != (len(of) > 0) || err != nil && !strings.Contains(hintOf(err), "kubectl delete secret") {
			t.Errorf("%s: %v, hint %q", name, err, hintOf(err))
		}
	}
}

func FuzzOriginTrouble(f *testing.F) {
	f.Add([]byte(`{"data":{"tls.crt":"","tls.key":""}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if why, err := originTrouble(raw, "git.example.org", 33, time.Now()); why == "" && err == nil {
			t.Errorf("%q is taken for a certificate", raw)
		}
	})
}
