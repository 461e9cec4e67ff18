package ca

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"time"
)

const year = 365 * 24 * time.Hour

// CA signs certificates.
type CA struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// New makes an authority that is good for ten years.
func New(name string) (*CA, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make CA %s: %w", name, err)
	}
	t := &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	der, err := sign(t, t, key, signing{public: key.Public(), validity: 10 * year})
	if err != nil {
		return nil, fmt.Errorf("make CA %s: %w", name, err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("make CA %s: %w", name, err)
	}
	return &CA{cert: cert, key: key}, nil
}

// Encode gives the certificate and the key as PEM, for [Parse].
func (c *CA) Encode() (certificate, key []byte, err error) {
	key, err = encodeKey(c.key)
	return c.PEM(), key, err
}

// Parse reads an authority that Encode wrote.
func Parse(certificate, key []byte) (*CA, error) {
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		return nil, fmt.Errorf("read CA: %w", err)
	}
	private, ok := pair.PrivateKey.(*ecdsa.PrivateKey)
	if !ok || !pair.Leaf.IsCA {
		return nil, errors.New("read CA: not an authority with an ECDSA key")
	}
	return &CA{cert: pair.Leaf, key: private}, nil
}

// PEM is the certificate that clients are to trust.
func (c *CA) PEM() []byte { return encode("CERTIFICATE", c.cert.Raw) }

// Pool trusts this authority and nobody else.
func (c *CA) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(c.cert)
	return pool
}

// Issue makes a key and a server certificate for names and addresses, good for
// a year. The certificate is PEM with the authority's own behind it.
func (c *CA) Issue(names ...string) (certificate, key []byte, err error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("make key for %v: %w", names, err)
	}
	if certificate, err = c.Sign(private.Public(), year, names...); err != nil {
		return nil, nil, err
	}
	key, err = encodeKey(private)
	return append(certificate, c.PEM()...), key, err
}

// Client makes a key and a certificate for somebody who logs in by it, good
// for a year.
func (c *CA) Client(name string, organizations ...string) (certificate, key []byte, err error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("make key for %s: %w", name, err)
	}
	t := &x509.Certificate{
		Subject:  pkix.Name{CommonName: name, Organization: organizations},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := sign(t, c.cert, c.key, signing{public: private.Public(), validity: year})
	if err != nil {
		return nil, nil, fmt.Errorf("sign certificate for %s: %w", name, err)
	}
	key, err = encodeKey(private)
	return encode("CERTIFICATE", der), key, err
}

// Pair is Issue for a server of Go.
func (c *CA) Pair(names ...string) (tls.Certificate, error) {
	certificate, key, err := c.Issue(names...)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.X509KeyPair(certificate, key)
}

// Sign makes a server certificate, in PEM, for somebody else's key.
func (c *CA) Sign(public crypto.PublicKey, validity time.Duration, names ...string) ([]byte, error) {
	t := &x509.Certificate{KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	for _, n := range names {
		if ip := net.ParseIP(n); ip != nil {
			t.IPAddresses = append(t.IPAddresses, ip)
		} else {
			t.DNSNames = append(t.DNSNames, n)
		}
	}
	der, err := sign(t, c.cert, c.key, signing{public: public, validity: validity})
	if err != nil {
		return nil, fmt.Errorf("sign certificate for %v: %w", names, err)
	}
	return encode("CERTIFICATE", der), nil
}

type signing struct {
	public   crypto.PublicKey
	validity time.Duration
}

func sign(t, parent *x509.Certificate, key *ecdsa.PrivateKey, s signing) ([]byte, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, err
	}
	t.SerialNumber = serial
	t.NotBefore = time.Now().Add(-time.Hour) // clocks differ
	t.NotAfter = time.Now().Add(s.validity)
	return x509.CreateCertificate(rand.Reader, t, parent, s.public, key)
}

func encodeKey(key *ecdsa.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encode key: %w", err)
	}
	return encode("EC PRIVATE KEY", der), nil
}

func encode(kind string, der []byte) []byte {
	var out bytes.Buffer
	_ = pem.Encode(&out, &pem.Block{Type: kind, Bytes: der}) // a buffer takes all
	return out.Bytes()
}
