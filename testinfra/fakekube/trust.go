package fakekube

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"time"

	"github.com/k3sedge/k3sedge/testinfra/ca"
)

// trust is the certificates of one cluster.
type trust struct {
	roots      *x509.CertPool
	server     tls.Certificate
	kubeconfig []byte
}

func newTrust() (trust, error) {
	authority, err := ca.New(fmt.Sprintf("k3s-server-ca@%d", time.Now().UnixNano()))
	if err != nil {
		return trust{}, err
	}
	client, key, err := authority.Client("system:admin", "system:masters")
	if err != nil {
		return trust{}, err
	}
	out := trust{roots: authority.Pool(), kubeconfig: kubeconfig(authority.PEM(), client, key)}
	out.server, err = authority.Pair("127.0.0.1", "kubernetes", "localhost")
	return out, err
}

// kubeconfig is the file in the form in which K3s writes it.
func kubeconfig(authority, cert, key []byte) []byte {
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
`, text(authority), text(cert), text(key))
}
