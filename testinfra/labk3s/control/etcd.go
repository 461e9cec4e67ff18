package control

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"go.etcd.io/etcd/server/v3/embed"
	"sigs.k8s.io/yaml"
)

// ErrEtcdArg is returned for an etcd-arg that etcd does not know.
var ErrEtcdArg = errors.New("etcd has no such argument")

// Etcd says how this server's member of etcd runs.
type Etcd struct {
	Name    string
	Cluster string // name=https://ip:2380,…: all members, when this one joins others
	Public  bool   // listen on the server's own address too, for other servers
}

// StartEtcd starts the member and waits until it answers.
func (p Plane) StartEtcd(ctx context.Context, e Etcd) (*embed.Etcd, error) {
	file, err := p.etcdFile(e)
	if err != nil {
		return nil, err
	}
	c, err := embed.ConfigFromFile(file)
	if err != nil {
		return nil, fmt.Errorf("configure etcd: %w", err)
	}
	server, err := embed.StartEtcd(c)
	if err != nil {
		return nil, fmt.Errorf("start etcd: %w", err)
	}
	select {
	case <-server.Server.ReadyNotify():
		return server, nil
	case err = <-server.Err():
	case <-ctx.Done():
		err = ctx.Err()
	}
	server.Close()
	return nil, fmt.Errorf("start etcd: %w", err)
}

// etcdFile writes etcd's own configuration where K3s writes it.
func (p Plane) etcdFile(e Etcd) (string, error) {
	dir := filepath.Join(p.Dir, "db", "etcd")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("make folder for etcd: %w", err)
	}
	values := p.etcdValues(dir, e)
	known := etcdKeys()
	for _, arg := range p.Config.EtcdArgs {
		name, value, _ := strings.Cut(arg, "=")
		if !known[name] {
			return "", fmt.Errorf("%w: %s", ErrEtcdArg, name)
		}
		var v any
		if err := yaml.Unmarshal([]byte(value), &v); err != nil {
			return "", fmt.Errorf("parse etcd-arg %s: %w", name, err)
		}
		values[name] = v
	}
	b, err := yaml.Marshal(values)
	if err != nil {
		return "", fmt.Errorf("write etcd's configuration: %w", err)
	}
	file := filepath.Join(dir, "config")
	if err := os.WriteFile(file, b, 0o600); err != nil {
		return "", fmt.Errorf("write etcd's configuration: %w", err)
	}
	return file, nil
}

func (p Plane) etcdValues(dir string, e Etcd) map[string]any {
	client, peer := "https://127.0.0.1:2379", "https://127.0.0.1:2380"
	self, advertised := peer, client
	if e.Public {
		self, advertised = "https://"+p.Advertise+":2380", "https://"+p.Advertise+":2379"
		client, peer = client+","+advertised, peer+","+self
	}
	state, members := "new", e.Name+"="+self
	if e.Cluster != "" {
		state, members = "existing", e.Cluster
	}
	return map[string]any{
		"name": e.Name, "data-dir": dir, "initial-cluster": members, "initial-cluster-state": state,
		"listen-client-urls": client, "advertise-client-urls": advertised,
		"listen-peer-urls": peer, "initial-advertise-peer-urls": self,
		"listen-metrics-urls": "http://127.0.0.1:2381",
		"client-transport-security": map[string]any{
			"cert-file": p.tls("etcd/server-client.crt"), "key-file": p.tls("etcd/server-client.key"),
			"trusted-ca-file": p.tls("etcd/server-ca.crt"), "client-cert-auth": true,
		},
		"peer-transport-security": map[string]any{
			"cert-file": p.tls("etcd/peer-server-client.crt"), "key-file": p.tls("etcd/peer-server-client.key"),
			"trusted-ca-file": p.tls("etcd/peer-ca.crt"), "client-cert-auth": true,
		},
		"logger": "zap", "log-outputs": []string{"stderr"}, "log-level": "error",
		"unsafe-no-fsync": p.Contained,
	}
}

// etcdKeys are the keys that etcd's own configuration has.
func etcdKeys() map[string]bool {
	keys := map[string]bool{ // those that its file has besides
		"listen-peer-urls": true, "listen-client-urls": true, "listen-client-http-urls": true, "initial-advertise-peer-urls": true,
		"advertise-client-urls": true, "listen-metrics-urls": true, "cors": true, "host-whitelist": true, "feature-gates": true,
	}
	t := reflect.TypeFor[embed.Config]()
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		if name != "" && name != "-" {
			keys[name] = true
		}
	}
	return keys
}
