package pki_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/k3sedge/k3sedge/testinfra/labk3s/pki"
)

func TestClusterIsMadeOnce(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "tls")
	names := pki.Names{Node: "n", DNS: []string{"n", "api.lab.test"}, IPs: []net.IP{net.IPv4(10, 77, 0, 11)}}
	first := snapshot(t, dir, names)
	again := snapshot(t, dir, names)
	for name, content := range first {
		if !bytes.Equal(content, again[name]) {
			t.Errorf("%s was made anew", name)
		}
	}
	names.DNS = append(names.DNS, "another")
	changed := snapshot(t, dir, names)
	if bytes.Equal(first["serving-kube-apiserver.crt"], changed["serving-kube-apiserver.crt"]) {
		t.Error("a further name did not make a new certificate")
	}
	if !bytes.Equal(first["client-admin.crt"], changed["client-admin.crt"]) {
		t.Error("a further name made a new certificate for the admin")
	}
	for _, name := range pki.Shared() {
		if len(first[name]) == 0 {
			t.Errorf("%s is shared and not there", name)
		}
	}
}

func snapshot(t *testing.T, dir string, n pki.Names) map[string][]byte {
	t.Helper()
	c, err := pki.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Keep(n); err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	err = filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, _ := filepath.Rel(dir, path)
		info, _ := d.Info()
		if filepath.Ext(name) == ".key" && info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", name, info.Mode())
		}
		files[name], err = os.ReadFile(path)
		return err
	})
	if err != nil || len(files) < 20 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	return files
}

func TestIssuedForItsUseOnly(t *testing.T) {
	t.Parallel()
	ca, err := pki.Load(filepath.Join(t.TempDir(), "ca"), "ca")
	if err != nil {
		t.Fatal(err)
	}
	crt, key, err := ca.Issue(pki.Leaf{Name: "system:node:n", Groups: []string{"system:nodes"}, Client: true})
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(crt, key)
	if err != nil {
		t.Fatal(err)
	}
	verify := func(use x509.ExtKeyUsage) error {
		_, err := pair.Leaf.Verify(x509.VerifyOptions{Roots: ca.Pool(), KeyUsages: []x509.ExtKeyUsage{use}})
		return err
	}
	if err := verify(x509.ExtKeyUsageClientAuth); err != nil {
		t.Error(err)
	}
	if verify(x509.ExtKeyUsageServerAuth) == nil {
		t.Error("a client's certificate serves")
	}
}

func TestHalfAnAuthorityIsRefused(t *testing.T) {
	t.Parallel()
	base := filepath.Join(t.TempDir(), "ca")
	if _, err := pki.Load(base, "ca"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(base+".key", []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := pki.Load(base, "ca"); err == nil {
		t.Error("a torn key was accepted")
	}
	if err := os.Remove(base + ".key"); err != nil {
		t.Fatal(err)
	}
	if _, err := pki.Load(base, "ca"); err == nil {
		t.Error("an authority without its key was accepted")
	}
}
