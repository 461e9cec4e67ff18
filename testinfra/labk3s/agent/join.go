package agent

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/k3sedge/k3sedge/testinfra/labk3s/supervisor"
	"github.com/k3sedge/k3sedge/testinfra/labk3s/token"
)

// PasswordFile is where a node keeps the password that goes with its name.
const PasswordFile = "/etc/rancher/node/password"

// requestTimeout bounds one request to a supervisor.
const requestTimeout = 10 * time.Second

// ErrPassword is what a node is told whose name another node has used first.
var ErrPassword = errors.New("Node password rejected, duplicate hostname or contents of '" + PasswordFile +
	"' may not match server node-passwd entry, try enabling a unique node name with the --with-node-id flag")

// Join asks a supervisor for what a node needs.
type Join struct {
	URL      string // https://host:port
	Token    token.Token
	User     string // node or server
	Name, IP string
	Password string

	ca     []byte
	client *http.Client
}

// Trust fetches the cluster's CA from whoever answers and holds it against
// the token.
func (j *Join) Trust(ctx context.Context) error {
	blind := client(&tls.Config{InsecureSkipVerify: true}) // the CA is what is asked for
	defer blind.CloseIdleConnections()
	ca, err := j.get(ctx, blind, "/cacerts")
	if err != nil {
		return fmt.Errorf("failed to get CA certs: %w", err)
	}
	if err := j.Token.Check(ca); err != nil {
		return err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	j.ca, j.client = ca, client(&tls.Config{RootCAs: pool})
	if _, err := j.get(ctx, j.client, "/cacerts"); err != nil {
		return fmt.Errorf("CA cert validation failed: %w", err)
	}
	return nil
}

func client(c *tls.Config) *http.Client {
	return &http.Client{Timeout: requestTimeout, Transport: &http.Transport{TLSClientConfig: c, DisableKeepAlives: true}}
}

func (j *Join) get(ctx context.Context, c *http.Client, path string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, j.URL+path, nil)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", j.URL, err)
	}
	if c == j.client {
		r.SetBasicAuth(j.User, j.Token.Secret)
		r.Header.Set(supervisor.HeaderName, j.Name)
		r.Header.Set(supervisor.HeaderPassword, j.Password)
		r.Header.Set(supervisor.HeaderIP, j.IP)
	}
	resp, err := c.Do(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	switch {
	case resp.StatusCode == http.StatusForbidden:
		return nil, ErrPassword
	case resp.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("%s%s: %s", j.URL, path, resp.Status)
	}
	return io.ReadAll(resp.Body)
}

// Get asks for one of K3s' own paths.
func (j *Join) Get(ctx context.Context, name string) ([]byte, error) {
	return j.get(ctx, j.client, "/v1-k3s/"+name)
}

// Settings are the cluster's.
func (j *Join) Settings(ctx context.Context) (supervisor.Settings, error) {
	var s supervisor.Settings
	b, err := j.Get(ctx, "config")
	if err != nil {
		return s, err
	}
	return s, json.Unmarshal(b, &s)
}

// Fetch writes authorities and certificates into dir under the names of K3s.
func (j *Join) Fetch(ctx context.Context, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make folder for certificates: %w", err)
	}
	for _, name := range []string{
		"client-ca.crt", "server-ca.crt", "serving-kubelet.crt", "client-kubelet.crt",
		"client-kube-proxy.crt", "client-k3s-controller.crt",
	} {
		b, err := j.Get(ctx, name)
		if err != nil {
			return err
		}
		crt, key := split(b)
		base := filepath.Join(dir, strings.TrimSuffix(name, ".crt"))
		if err := os.WriteFile(base+".crt", crt, 0o600); err != nil {
			return fmt.Errorf("write certificate: %w", err)
		}
		if len(key) == 0 {
			continue
		}
		if err := os.WriteFile(base+".key", key, 0o600); err != nil {
			return fmt.Errorf("write key: %w", err)
		}
	}
	return nil
}

// split parts the certificates from the key that comes behind them.
func split(b []byte) (crt, key []byte) {
	for p, rest := pem.Decode(b); p != nil; p, rest = pem.Decode(rest) {
		if strings.HasSuffix(p.Type, "PRIVATE KEY") {
			key = append(key, pem.EncodeToMemory(p)...)
		} else {
			crt = append(crt, pem.EncodeToMemory(p)...)
		}
	}
	return crt, key
}

// EnsurePassword reads the node's password, or makes one.
func EnsurePassword(file string) (string, error) {
	b, err := os.ReadFile(file)
	if err == nil {
		return string(bytes.TrimSpace(b)), nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("read node password: %w", err)
	}
	secret, err := RandomSecret()
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return "", fmt.Errorf("make folder for node password: %w", err)
	}
	if err := os.WriteFile(file, []byte(secret+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("write node password: %w", err)
	}
	return secret, nil
}

// RandomSecret makes a secret in the form of K3s'.
func RandomSecret() (string, error) {
	b := make([]byte, 16)
	if _, err := rand.Read(b); err != nil {
		return "", fmt.Errorf("make secret: %w", err)
	}
	return hex.EncodeToString(b), nil
}
