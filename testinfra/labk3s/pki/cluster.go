package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
)

// Cluster holds a cluster's authorities.
type Cluster struct {
	Dir                                         string // DIR/server/tls
	Server, Client, Proxy, EtcdServer, EtcdPeer *Authority
}

// Names says under which names and addresses a server is reached.
type Names struct {
	Node string
	DNS  []string
	IPs  []net.IP
}

// Open reads or makes the authorities and the key of service accounts.
func Open(dir string) (*Cluster, error) {
	c := &Cluster{Dir: dir}
	for _, a := range []struct {
		into *(*Authority)
		name string
	}{
		{&c.Server, "server-ca"}, {&c.Client, "client-ca"}, {&c.Proxy, "request-header-ca"},
		{&c.EtcdServer, "etcd/server-ca"}, {&c.EtcdPeer, "etcd/peer-ca"},
	} {
		authority, err := Load(filepath.Join(dir, a.name), a.name)
		if err != nil {
			return nil, err
		}
		*a.into = authority
	}
	return c, c.serviceKey()
}

// serviceKey makes the key with which service accounts' tokens are signed.
func (c *Cluster) serviceKey() error {
	current := filepath.Join(c.Dir, "service.current.key")
	b, err := os.ReadFile(filepath.Join(c.Dir, "service.key"))
	if errors.Is(err, fs.ErrNotExist) {
		key, keyErr := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if keyErr != nil {
			return fmt.Errorf("make key: %w", keyErr)
		}
		if b, err = KeyPEM(key); err == nil {
			err = os.WriteFile(filepath.Join(c.Dir, "service.key"), b, 0o600)
		}
	}
	if err != nil {
		return fmt.Errorf("keep the service accounts' key: %w", err)
	}
	if err := os.WriteFile(current, b, 0o600); err != nil {
		return fmt.Errorf("keep the service accounts' key: %w", err)
	}
	return nil
}

// Keep makes the certificates of a server's parts, those that are still good
// excepted.
func (c *Cluster) Keep(n Names) error {
	masters := []string{"system:masters"}
	for _, w := range []struct {
		ca   *Authority
		base string
		leaf Leaf
	}{
		{c.Client, "client-admin", Leaf{Name: "system:admin", Groups: masters}},
		{c.Client, "client-supervisor", Leaf{Name: "system:supervisor", Groups: masters}},
		{c.Client, "client-controller", Leaf{Name: "system:kube-controller-manager"}},
		{c.Client, "client-scheduler", Leaf{Name: "system:kube-scheduler"}},
		{c.Client, "client-kube-apiserver", Leaf{Name: "system:apiserver", Groups: masters}},
		{c.Client, "client-kube-proxy", Leaf{Name: "system:kube-proxy"}},
		{c.Client, "client-k3s-controller", Leaf{Name: "system:k3s-controller"}},
		{c.Proxy, "client-auth-proxy", Leaf{Name: ProxyName}},
		{c.EtcdServer, "etcd/client", Leaf{Name: "etcd-client"}},
	} {
		w.leaf.Client = true
		if err := w.ca.Keep(filepath.Join(c.Dir, w.base), w.leaf); err != nil {
			return err
		}
	}
	for _, w := range []struct {
		ca   *Authority
		base string
		name string
	}{
		{c.Server, "serving-kube-apiserver", "kube-apiserver"},
		{c.EtcdServer, "etcd/server-client", "etcd-server"},
		{c.EtcdPeer, "etcd/peer-server-client", "etcd-peer"},
	} {
		leaf := Leaf{Name: w.name, DNS: n.DNS, IPs: n.IPs, Client: true, Server: true}
		if err := w.ca.Keep(filepath.Join(c.Dir, w.base), leaf); err != nil {
			return err
		}
	}
	return nil
}

// ProxyName is the common name of who may tell the API server a user's name.
const ProxyName = "system:auth-proxy"

// Shared names the files below Dir that all servers of a cluster have in
// common, and that a further server is given when it joins.
func Shared() []string {
	var out []string
	for _, n := range []string{"server-ca", "client-ca", "request-header-ca", "etcd/server-ca", "etcd/peer-ca"} {
		out = append(out, n+".crt", n+".key")
	}
	return append(out, "service.key")
}
