package kubeconfig

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/url"

	"go.yaml.in/yaml/v3"

	"github.com/k3sedge/k3sedge/provision/machine"
)

// Config is how one cluster is reached, and as whom.
type Config struct {
	Server      string // https://127.0.0.1:6443
	CA          []byte // PEM
	Certificate []byte // PEM, of the client
	Key         []byte // PEM; secret
}

// Format prints the server, whatever the verb: the key must not get into a log
// by accident.
func (c Config) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, c.Server) }

// document is the part of a kubeconfig that K3s writes.
type document struct {
	APIVersion     string         `yaml:"apiVersion"`
	Kind           string         `yaml:"kind"`
	Clusters       []namedCluster `yaml:"clusters"`
	Users          []namedUser    `yaml:"users"`
	Contexts       []namedContext `yaml:"contexts"`
	CurrentContext string         `yaml:"current-context,omitempty"`
}

type namedCluster struct {
	Name    string      `yaml:"name"`
	Cluster clusterInfo `yaml:"cluster"`
}

type clusterInfo struct {
	CA     string `yaml:"certificate-authority-data"`
	Server string `yaml:"server"`
}

type namedUser struct {
	Name string   `yaml:"name"`
	User userInfo `yaml:"user"`
}

type userInfo struct {
	Certificate string `yaml:"client-certificate-data"`
	Key         string `yaml:"client-key-data"`
}

type namedContext struct {
	Name    string      `yaml:"name"`
	Context contextInfo `yaml:"context"`
}

type contextInfo struct {
	Cluster string `yaml:"cluster"`
	User    string `yaml:"user"`
}

// Parse reads a kubeconfig as K3s writes it: one with the certificates inside,
// for the context that is the current one. Its errors never quote the file.
func Parse(data []byte) (Config, error) {
	c, err := parse(data)
	if err != nil {
		err = fmt.Errorf("read the kubeconfig: %w", err)
		return Config{}, machine.WithHint(err, "the server writes it at its start; if it stays like this, remove /etc/rancher/k3s/k3s.yaml there and restart k3s.service")
	}
	return c, nil
}

func parse(data []byte) (Config, error) {
	var doc document
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return Config{}, errors.New("it is not the YAML of a kubeconfig") // the parser's words may quote the key
	}
	if doc.Kind != "Config" || doc.APIVersion != "v1" {
		return Config{}, errors.New("it is not of apiVersion v1 and kind Config")
	}
	cluster, user, err := doc.current()
	if err != nil {
		return Config{}, err
	}
	c := Config{Server: cluster.Server}
	for _, field := range []struct {
		name, text string
		into       *[]byte
	}{
		{"certificate-authority-data", cluster.CA, &c.CA},
		{"client-certificate-data", user.Certificate, &c.Certificate},
		{"client-key-data", user.Key, &c.Key},
	} {
		if *field.into, err = base64.StdEncoding.DecodeString(field.text); err != nil || len(*field.into) == 0 {
			return Config{}, fmt.Errorf("%s is missing or not base64", field.name)
		}
	}
	return c, c.check()
}

// current finds the cluster and the user of the current context.
func (d document) current() (clusterInfo, userInfo, error) {
	var context *contextInfo
	for _, c := range d.Contexts {
		if c.Name == d.CurrentContext {
			context = &c.Context
		}
	}
	if context == nil {
		return clusterInfo{}, userInfo{}, errors.New("it has no current context")
	}
	for _, c := range d.Clusters {
		for _, u := range d.Users {
			if c.Name == context.Cluster && u.Name == context.User {
				return c.Cluster, u.User, nil
			}
		}
	}
	return clusterInfo{}, userInfo{}, errors.New("the cluster or the user of its current context is missing")
}

// check makes sure that a TLS connection can be tried with it.
func (c Config) check() error {
	if u, err := url.Parse(c.Server); err != nil || u.Scheme != "https" || u.Hostname() == "" {
		return errors.New("server is not an https:// address")
	}
	if !x509.NewCertPool().AppendCertsFromPEM(c.CA) {
		return errors.New("certificate-authority-data holds no certificate")
	}
	if _, err := tls.X509KeyPair(c.Certificate, c.Key); err != nil {
		return fmt.Errorf("client-certificate-data and client-key-data: %w", err)
	}
	return nil
}

// TLS is the client's side of a connection to the API.
func (c Config) TLS() (*tls.Config, error) {
	pair, err := tls.X509KeyPair(c.Certificate, c.Key)
	if err != nil {
		return nil, fmt.Errorf("client certificate: %w", err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(c.CA)
	return &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}, nil
}
