package gitops

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"flag"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/k3sedge/k3sedge/addons/object"
	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/testinfra/goldenfile"
)

var update = flag.Bool("update", false, "write the golden files anew")

const (
	canary = "canary7f3a"
	users  = "bob:$2y$05$" + canary
)

// groups are one of each part that has objects of ours so far.
func groups() []Group {
	shared := object.Meta{Name: "tls", Namespace: "k3sedge-system"}
	in := func(name string) object.Meta {
		return object.Meta{Name: name, Namespace: "edge-git", Labels: map[string]string{object.ForService: "git"}}
	}
	return []Group{
		{Part: PartTraefik, Objects: []object.Object{object.HelmChartConfig{Meta: object.Meta{Name: "traefik", Namespace: "kube-system"}, Spec: object.HelmChartConfigSpec{FailurePolicy: "abort", ValuesContent: "a: 1\n"}}}},
		{Part: PartTunnel, Objects: nil}, // a part with nothing in it
		{Part: PartEdge, Objects: []object.Object{object.Namespace{Meta: object.Meta{Name: "k3sedge-system"}}, object.TLSOption{Meta: shared, Spec: object.TLSOptionSpec{MinVersion: "VersionTLS12", SNIStrict: true}}}},
		{Part: PartServices, Name: "git", Objects: []object.Object{
			object.Namespace{Meta: object.Meta{Name: "edge-git"}},
			object.Secret{Meta: in("git-ca"), Type: "Opaque", Data: map[string][]byte{"ca.crt": []byte("PEM")}},
			object.Secret{Meta: in("git-users"), Type: "Opaque", Hidden: map[string]inventory.Secret{"users": inventory.NewSecret(users)}, From: map[string]string{"users": "env:USERS"}},
			object.Ingress{Meta: in("git"), Spec: object.IngressSpec{IngressClassName: "traefik", Rules: []object.IngressRule{{Host: "git.example.org"}}}},
		}},
		{Part: PartServices, Name: "wiki", Objects: []object.Object{object.Namespace{Meta: object.Meta{Name: "edge-wiki"}}}, Filled: []object.Secret{{
			Meta: object.Meta{Name: "wiki-tls", Namespace: "edge-wiki"}, Type: "kubernetes.io/tls",
			Hidden: map[string]inventory.Secret{"tls.crt": {}, "tls.key": {}}, From: map[string]string{"tls.crt": "you", "tls.key": "you"},
		}}},
	}
}

// controller is the key of a sealed-secrets controller, made once.
var controller = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil // every test that needs it fails
	}
	return key
})

// certificate is a self-signed one, as the controller makes it.
func certificate(t *testing.T, public, private any, from, to time.Time) []byte {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "sealed-secrets"}, NotBefore: from, NotAfter: to}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

var today = time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC)

func controllerCert(t *testing.T) []byte {
	t.Helper()
	return certificate(t, &controller().PublicKey, controller(), today.AddDate(-1, 0, 0), today.AddDate(9, 0, 0))
}

func elliptical(t *testing.T) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return certificate(t, &key.PublicKey, key, today.AddDate(-1, 0, 0), today.AddDate(1, 0, 0))
}

func testSealer(t *testing.T, cert []byte, key string) *Sealer {
	t.Helper()
	s, err := NewSealer(cert, []byte(key), today)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// unseal is what the controller does, by the format's documentation: two bytes
// with the length of the session key, which is under RSA-OAEP with SHA-256 and
// the Secret's namespace/name as its label, then AES-256-GCM with a nonce of
// zeros.
func unseal(t *testing.T, key *rsa.PrivateKey, value, label string) (string, error) {
	t.Helper()
	sealed, err := base64.StdEncoding.DecodeString(value)
	if err != nil || len(sealed) < 2 {
		t.Fatalf("%q: %v", value, err)
	}
	n := int(sealed[0])<<8 | int(sealed[1])
	session, err := rsa.DecryptOAEP(sha256.New(), rand.Reader, key, sealed[2:2+n], []byte(label))
	if err != nil {
		return "", err
	}
	block, err := aes.NewCipher(session)
	if err != nil {
		return "", err
	}
	box, err := cipher.NewGCM(block)
	if err != nil {
		return "", err
	}
	plain, err := box.Open(nil, make([]byte, 12), sealed[2+n:], nil)
	return string(plain), err
}

// golden compares files with those of a folder of testdata, one after the other.
func golden(t *testing.T, folder string, files Files) {
	t.Helper()
	folder = filepath.Join("testdata", folder)
	if *update {
		if err := os.RemoveAll(folder); err != nil {
			t.Fatal(err)
		}
	}
	for name, data := range files {
		goldenfile.Compare(t, filepath.Join(folder, name), data, *update)
		if strings.Contains(string(data), canary) {
			t.Errorf("%s holds a secret", name)
		}
	}
	there := 0
	err := filepath.WalkDir(folder, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			there++
		}
		return err
	})
	if err != nil || there != len(files) {
		t.Errorf("%s has %d files, there are %d: %v", folder, there, len(files), err)
	}
}
