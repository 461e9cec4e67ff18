package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"
)

const (
	caLife   = 10 * 365 * 24 * time.Hour
	leafLife = 365 * 24 * time.Hour
	// renewal is how long before its end a certificate is made anew.
	renewal = 90 * 24 * time.Hour
)

// ErrPEM is returned for a file in which a certificate or key is missing.
var ErrPEM = errors.New("no certificate or key in it")

// Authority signs certificates.
type Authority struct {
	PEM  []byte // the certificate as its file has it
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// Leaf says what a certificate is for.
type Leaf struct {
	Name   string   // common name
	Groups []string // organisations
	DNS    []string
	IPs    []net.IP
	Client bool
	Server bool
}

// Load reads the authority base.crt and base.key, or makes it.
func Load(base, name string) (*Authority, error) {
	crt, err := os.ReadFile(base + ".crt")
	if errors.Is(err, fs.ErrNotExist) {
		return create(base, name)
	}
	if err != nil {
		return nil, fmt.Errorf("read authority: %w", err)
	}
	key, err := os.ReadFile(base + ".key")
	if err != nil {
		return nil, fmt.Errorf("read authority: %w", err)
	}
	a, err := parse(crt, key)
	if err != nil {
		return nil, fmt.Errorf("read authority %s: %w", base, err)
	}
	return a, nil
}

func parse(crt, key []byte) (*Authority, error) {
	c, k := block(crt), block(key)
	if c == nil || k == nil {
		return nil, ErrPEM
	}
	cert, err := x509.ParseCertificate(c)
	if err != nil {
		return nil, fmt.Errorf("parse certificate: %w", err)
	}
	private, err := x509.ParseECPrivateKey(k)
	if err != nil {
		return nil, fmt.Errorf("parse key: %w", err)
	}
	return &Authority{PEM: crt, cert: cert, key: private}, nil
}

func block(b []byte) []byte {
	if p, _ := pem.Decode(b); p != nil {
		return p.Bytes
	}
	return nil
}

func create(base, name string) (*Authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make key: %w", err)
	}
	now := time.Now().UTC()
	t := &x509.Certificate{
		SerialNumber: big.NewInt(0), Subject: pkix.Name{CommonName: fmt.Sprintf("k3s-%s@%d", name, now.Unix())},
		NotBefore: now, NotAfter: now.Add(caLife), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageKeyEncipherment | x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, t, t, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("make authority: %w", err)
	}
	keyPEM, err := KeyPEM(key)
	if err != nil {
		return nil, err
	}
	crt := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	if err := writePair(base, crt, keyPEM); err != nil {
		return nil, err
	}
	return parse(crt, keyPEM)
}

// KeyPEM gives a key in the form of its file.
func KeyPEM(key *ecdsa.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("marshal key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}), nil
}

// Issue makes a certificate with a new key. It is valid from when its
// authority is, as Kubernetes does it, so that clocks which differ a little do
// no harm; the authority's own certificate comes after it.
func (a *Authority) Issue(l Leaf) (crt, key []byte, err error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("make key: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 62))
	if err != nil {
		return nil, nil, fmt.Errorf("choose serial number: %w", err)
	}
	t := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: l.Name, Organization: l.Groups},
		NotBefore: a.cert.NotBefore, NotAfter: time.Now().UTC().Add(leafLife),
		DNSNames: l.DNS, IPAddresses: l.IPs,
		KeyUsage: x509.KeyUsageKeyEncipherment | x509.KeyUsageDigitalSignature,
	}
	if l.Client {
		t.ExtKeyUsage = append(t.ExtKeyUsage, x509.ExtKeyUsageClientAuth)
	}
	if l.Server {
		t.ExtKeyUsage = append(t.ExtKeyUsage, x509.ExtKeyUsageServerAuth)
	}
	der, err := x509.CreateCertificate(rand.Reader, t, a.cert, private.Public(), a.key)
	if err != nil {
		return nil, nil, fmt.Errorf("issue %s: %w", l.Name, err)
	}
	key, err = KeyPEM(private)
	crt = append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), a.PEM...)
	return crt, key, err
}

// Keep leaves base.crt alone if it is what is wanted and makes it otherwise.
func (a *Authority) Keep(base string, l Leaf) error {
	if old, err := os.ReadFile(base + ".crt"); err == nil && a.serves(old, l) {
		return nil
	}
	crt, key, err := a.Issue(l)
	if err != nil {
		return err
	}
	return writePair(base, crt, key)
}

// serves says whether a certificate is of this authority, young enough, and
// carries the names wanted.
func (a *Authority) serves(crt []byte, l Leaf) bool {
	cert, err := x509.ParseCertificate(block(crt))
	if err != nil || cert.CheckSignatureFrom(a.cert) != nil {
		return false
	}
	return cert.Subject.CommonName == l.Name && slices.Equal(cert.Subject.Organization, l.Groups) &&
		slices.Equal(cert.DNSNames, l.DNS) && slices.EqualFunc(cert.IPAddresses, l.IPs, net.IP.Equal) &&
		time.Until(cert.NotAfter) > renewal
}

// Pool is what trusts this authority alone.
func (a *Authority) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

func writePair(base string, crt, key []byte) error {
	if err := os.MkdirAll(filepath.Dir(base), 0o700); err != nil {
		return fmt.Errorf("make folder for certificates: %w", err)
	}
	if err := os.WriteFile(base+".key", key, 0o600); err != nil {
		return fmt.Errorf("write key: %w", err)
	}
	if err := os.WriteFile(base+".crt", crt, 0o644); err != nil {
		return fmt.Errorf("write certificate: %w", err)
	}
	return nil
}
