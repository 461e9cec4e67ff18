package fakekube

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"time"
)

// trust is the certificates of one cluster.
type trust struct {
	roots      *x509.CertPool
	server     tls.Certificate
	kubeconfig []byte
}

// issuer is a CA.
type issuer struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newTrust() (trust, error) {
	ca := &issuer{}
	caPEM, _, err := ca.issue(&x509.Certificate{Subject: pkix.Name{CommonName: fmt.Sprintf("k3s-server-ca@%d", time.Now().UnixNano())},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	if err != nil {
		return trust{}, err
	}
	serverPEM, serverKey, err := ca.issue(&x509.Certificate{Subject: pkix.Name{CommonName: "k3s"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		DNSNames: []string{"kubernetes", "localhost"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	if err != nil {
		return trust{}, err
	}
	clientPEM, clientKey, err := ca.issue(&x509.Certificate{Subject: pkix.Name{CommonName: "system:admin", Organization: []string{"system:masters"}},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	if err != nil {
		return trust{}, err
	}
	out := trust{roots: x509.NewCertPool(), kubeconfig: kubeconfig(caPEM, clientPEM, clientKey)}
	out.roots.AddCert(ca.cert)
	out.server, err = tls.X509KeyPair(serverPEM, serverKey)
	return out, err
}

// issue signs a certificate; the first one signs itself and all others.
func (ca *issuer) issue(template *x509.Certificate) (certPEM, keyPEM []byte, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(24*time.Hour)
	parent, signer := ca.cert, ca.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		return nil, nil, err
	}
	if ca.cert == nil {
		ca.key = key
		if ca.cert, err = x509.ParseCertificate(der); err != nil {
			return nil, nil, err
		}
	}
	secret, err := x509.MarshalECPrivateKey(key)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: secret}), err
}

// kubeconfig is the file in the form in which K3s writes it.
func kubeconfig(ca, cert, key []byte) []byte {
	text := base64.StdEncoding.EncodeToString
	return fmt.Appendf(nil, `apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: %s
    server: https://127.0.0.1:6443
  name: default
contexts:
- context:
    cluster: default
    user: default
  name: default
current-context: default
kind: Config
preferences: {}
users:
- name: default
  user:
    client-certificate-data: %s
    client-key-data: %s
`, text(ca), text(cert), text(key))
}
